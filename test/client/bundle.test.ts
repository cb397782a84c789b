import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { build, type Rolldown } from 'vite'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { gatewayForTest, resumed } from './fixture.ts'

const maxGzipBytes = 6 * 1_024
const entry = resolve(import.meta.dirname, '../../src/client/index.ts')
let code = ''

beforeAll(async () => {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      lib: { entry, formats: ['es'] },
      // A library build of Vite keeps white space; what a page loads has none.
      rolldownOptions: { output: { minify: true } },
    },
  })
  // Without `watch` it is the output of the one format that was asked for.
  const [output] = built as Rolldown.RolldownOutput[]
  code = output?.output[0].code ?? ''
})

test('the whole client is at most 6 KiB on the wire', () => {
  expect(code).toContain('TalonClientError')
  expect(gzipSync(code).length).toBeLessThanOrEqual(maxGzipBytes)
})

test('the client brings nothing along: no import, no schema', () => {
  expect(code).not.toMatch(/\bimport\b|\brequire\b|ZodError/)
})

test('a real browser connects, reconnects, and resumes when the network is back', async () => {
  const gateway = await gatewayForTest()
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(gateway.url)
  const seen = page.evaluate<{ states: string[]; contents: string[] }>(program(code))
  const first = await gateway.connection()
  expect(await first.welcome()).not.toHaveProperty('token')
  const { id } = await first.expect('session.subscribe')
  first.send('session.resumed', resumed('s1', { seq: 1, replayed: 1 }), { replyTo: id })
  first.entry('s1', 1, 1)
  first.close(1012)
  const second = await gateway.connection()
  expect((await second.welcome()).resume).toEqual([{ sessionId: 's1', epoch: 1, after: 1 }])
  second.send('session.resumed', resumed('s1', { seq: 2, replayed: 1 }))
  second.entry('s1', 1, 2)
  const { states, contents } = await seen
  expect(contents).toEqual(['entry 1', 'entry 2'])
  expect(new Set(states)).toEqual(new Set(['open', 'reconnecting', 'closed']))
})

test('a program of Node ends by itself when it has closed its client', async () => {
  const gateway = await gatewayForTest()
  const program = `
    const { connect } = await import(${JSON.stringify(entry)})
    const client = connect({ url: ${JSON.stringify(gateway.url)} })
    await client.request('ping', {})
    client.close()
    console.log('done')`
  const ended = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 15_000 })
  const connection = await gateway.connection()
  await connection.welcome()
  connection.send('pong', {}, { replyTo: (await connection.expect('ping')).id })
  expect((await ended).stdout).toBe('done\n')
})

/** What the page runs; as text, because the test runner rewrites the imports of its own functions. */
function program(client: string): string {
  return `(async () => {
    const source = new Blob([${JSON.stringify(client)}], { type: 'text/javascript' })
    const { connect } = await import(URL.createObjectURL(source))
    // A minute of back-off, so that only the event of the browser can bring the second connection in time.
    const client = connect({ url: location.origin, random: () => 1, backoffBaseMs: 60000, backoffCapMs: 60000 })
    const states = []
    client.onState(state => {
      states.push(state.status)
      if (state.status === 'reconnecting') setTimeout(() => dispatchEvent(new Event('online')))
    })
    const contents = []
    for await (const event of client.session('s1', { after: 0 })) {
      if (event.type === 'session.message') contents.push(event.payload.message.content)
      if (contents.length === 2) break
    }
    client.close()
    return { states, contents }
  })()`
}
