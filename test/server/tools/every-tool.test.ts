import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { whyNoBrowser } from '../../support/browser.ts'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { openWebServer, type WebServer } from '../../support/web-server.ts'
import { browserRows, type Ground, type Row, rows } from './every-tool-rows.ts'

// One gateway for all of them: each uses what is its own in it.
let gateway: TestGateway
let site: WebServer
let socket: RawSocket
let sessionId: string
let ground: Ground

const article = `<html><head><title>Bees</title></head><body><article><h1>Bees</h1><p>${'Bees make honey, and more bees. '.repeat(20)}</p></article></body></html>`
const form = `<title>Form</title><h1>A form</h1><label>Name <input id=name oninput="said.textContent = 'Your name: ' + value"></label>
  <p id=said>Your name?</p><button id=go onclick="said.textContent = 'It went'">Go</button>`
const found = JSON.stringify({ results: [{ title: 'All about bees', url: 'https://bees.test/', content: 'Bees.' }] })

beforeAll(async () => {
  site = await openWebServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://a.test')
    const say = (type: string, body: string) => response.writeHead(200, { 'content-type': type }).end(body)
    if (pathname === '/page') say('text/html', article)
    else if (pathname === '/form') say('text/html', form)
    else if (pathname === '/search') say('application/json', found)
    else say('text/plain', `${request.method} ${request.headers['content-type']} ${await text(request)}`)
  })
  gateway = await testGateway({
    env: {
      TALON_TOOLS_PROFILE: 'full',
      TALON_TOOLS_TAINT: 'off',
      TALON_NETWORK_ALLOW_HOSTS: `127.0.0.1:${site.port}`,
      TALON_TOOLS_HTTP_HOSTS: '127.0.0.1',
      TALON_SEARCH_SEARXNG_URL: site.url,
    },
  })
  socket = await rawSocket(gateway.port, { token: testToken })
  allowAll(socket)
  const { payload } = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  sessionId = String(payload['sessionId'])
  const workspace = join(gateway.home, gateway.app.config['tools.workspace'])
  ground = { workspace, site: site.url, use }
  await say('There is a needle in the hay.')
}, 60_000)

afterAll(async () => {
  socket[Symbol.dispose]()
  await gateway[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

test('there are at least 35 tools, and each has a row here', async () => {
  const { payload } = await socket.ask('tools.list')
  const listed = payload['tools'] as { name: string }[] // As the protocol says.
  const names = listed.map(({ name }) => name)
  expect(names.length).toBeGreaterThanOrEqual(35)
  expect(Object.keys({ ...rows, ...browserRows }).sort()).toEqual(names.sort())
})

test('what a tool has said before it failed is in the log too, so that a model finds out why', async () => {
  await say('/tool shell_execute {"command": "echo because; echo of this >&2; exit 3"}')
  const [result] = (await loggedResults()).slice(-1)
  expect(result).toMatch(/^Error: The command ended with exit code 3\.\n\n[\s\S]*because\n[\s\S]*of this/)
})

describe.each(Object.entries(rows))('%s', (name, row) => behaves(name, row))

describe.skipIf(whyNoBrowser()).each(Object.entries(browserRows))('%s', (name, row) => behaves(name, row))

function behaves(name: string, row: Row): void {
  test('does nothing in a dry run, and then what it is asked for, directly and for a model', {
    timeout: 120_000,
  }, async () => {
    const args = await row.args(ground)
    const before = await stateOfAll()
    const dry = await invoke(name, args, { dryRun: true })
    expect(dry).toMatchObject({ success: true, dryRun: true, output: expect.stringMatching(row.would) })
    expect(await stateOfAll()).toEqual(before)
    expect(await invoke(name, args)).toMatchObject({ success: true, output: expect.stringMatching(row.shows) })
    await say(`/tool ${name} ${JSON.stringify(await row.args(ground))}`)
    const results = await loggedResults()
    expect(results.at(-1)).toMatch(row.shows)
  })

  test('says of wrong arguments what is wrong, what it expects, and an example that works', async () => {
    const { success, code, error } = await invoke(name, row.bad)
    expect({ success, code }).toEqual({ success: false, code: 'INVALID_MESSAGE' })
    expect(error).toContain(`The arguments of ${name} are not right: `)
    expect(error).toContain(row.says)
    const example = JSON.parse(/ Example: (\{.*\})$/.exec(error ?? '')?.[1] ?? 'null')
    const tried = await invoke(name, example, { dryRun: true })
    expect(tried.error ?? '').not.toContain('The arguments of')
    await say(`/tool ${name} ${JSON.stringify(row.bad)}`)
    expect((await loggedResults()).at(-1)).toBe(`Error: ${error}`)
  })
}

interface Result {
  success: boolean
  output: string
  code?: string
  error?: string
}

async function invoke(toolName: string, args: Record<string, unknown>, more: object = {}): Promise<Result> {
  const { type, payload } = await socket.ask('tools.invoke', { toolName, args, sessionId, ...more })
  expect(type).toBe('tools.result')
  return payload as unknown as Result // By its type.
}

async function use(toolName: string, args: Record<string, unknown>): Promise<string> {
  const result = await invoke(toolName, args)
  expect(result).toMatchObject({ success: true })
  return result.output
}

/** Sends a message and waits until the agent has answered. */
async function say(message: string): Promise<void> {
  const { payload } = await socket.ask('session.send_message', { sessionId, text: message })
  const { runId } = payload
  const end = await socket.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === runId)
  expect(end.payload).toMatchObject({ state: 'done' })
}

/** What tools have answered, as it stands in the session's log. */
async function loggedResults(): Promise<string[]> {
  const { payload } = await socket.ask('session.history', { sessionId, limit: 10 })
  const messages = payload['messages'] as { role: string; content: string }[] // As the protocol says.
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
}

/** All that a tool could change, as far as anybody can see it. */
async function stateOfAll(): Promise<object> {
  const kept = await Promise.all(['FACTS.json', 'SOUL.md', ''].map(path => ground.use('memory_read', { path })))
  const lists = await Promise.all(['process_list', 'schedule_list', 'tasks_list'].map(name => ground.use(name, {})))
  const { payload } = await socket.ask('gateway.status')
  return { files: filesIn(ground.workspace), kept, lists, asked: site.asked.length, stats: payload['stats'] }
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return names.map(name => {
    const path = join(folder, name)
    return statSync(path).isFile() ? `${name}: ${readFileSync(path, 'latin1')}` : name
  })
}

/** A person who allows whatever asks: where nothing walls commands in, each of them does. */
function allowAll(socket: RawSocket): void {
  socket.ws.on('message', data => {
    const { type, payload } = JSON.parse(String(data))
    if (type === 'approval.requested') {
      socket.send('approval.resolve', { approvalId: payload.approvalId, decision: 'allow' })
    }
  })
}
