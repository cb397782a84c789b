import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { converse, newSession } from '../server/api/rest.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'

let gateway: TestGateway
let id: string
beforeAll(async () => {
  gateway = await testGateway()
  id = await newSession(gateway, { title: 'Engines' })
  await converse(gateway, id, 'hello')
})
afterAll(() => gateway[Symbol.asyncDispose]())

const talon = (argv: string[], stdin?: string) =>
  runCommand(argv, { home: gateway.home, ...(stdin !== undefined && { stdin }) })

test('export writes the session to standard output, as JSON or Markdown, and says nothing beside it', async () => {
  const json = await talon(['export', id])
  expect({ exitCode: json.exitCode, err: json.err }).toEqual({ exitCode: 0, err: '' })
  expect(JSON.parse(json.out)).toMatchObject({ format: 'talon.session', session: { id }, epochs: [{ epoch: 1 }] })
  const markdown = await talon(['export', id, '--format', 'md'])
  expect(markdown.out).toMatch(/^# Engines\n/)
  expect(markdown.out).toContain('> offline: hello')
  expect(JSON.parse((await talon(['export', id, '--epoch', '1'])).out).epochs).toHaveLength(1)
})

test('export into a file makes it for its owner alone, and replaces none unless it is told to', async () => {
  const file = join(newHome(), 'out.json')
  const first = await talon(['export', id, '--out', file])
  expect(first).toMatchObject({ exitCode: 0, out: '', err: `${file}: 0.0 MB\n` })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(file, 'utf8')).session.id).toBe(id)
  writeFileSync(file, 'mine')
  const again = await talon(['export', id, '--out', file])
  expect(again).toMatchObject({ exitCode: 1, err: expect.stringContaining('add --force') })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  expect((await talon(['export', id, '--out', file, '--force'])).exitCode).toBe(0)
  expect(JSON.parse(readFileSync(file, 'utf8')).session.id).toBe(id)
  const nowhere = await talon(['export', id, '--out', join(file, '..', 'none', 'x.json')])
  expect(nowhere).toMatchObject({ exitCode: 1, err: expect.stringContaining('There is no folder') })
})

test.each([
  ['a session that is not there', ['export', 'none'], 1, 'Session not found'],
  ['an epoch that is not there', ['export', 'SESSION', '--epoch', '7'], 1, 'no epoch 7'],
  ['an epoch that is none', ['export', 'SESSION', '--epoch', '0'], 2, 'numbered from 1'],
  ['another format', ['export', 'SESSION', '--format', 'xml'], 2, 'json, md'],
])('export of %s says so', async (_what, argv, exitCode, says) => {
  const ended = await talon(argv.map(word => (word === 'SESSION' ? id : word)))
  expect(ended).toMatchObject({ exitCode, out: '', err: expect.stringContaining(says) })
})

test('an export that breaks off is an error and leaves no file', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"format":', () => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const home = newHome()
  const env = { TALON_URL: `http://127.0.0.1:${port}`, TALON_TOKEN: 'x' }
  const ended = await runCommand(['export', 's', '--out', join(home, 'x.json')], { home, env })
  server.close()
  expect(ended).toMatchObject({ exitCode: 1, err: expect.stringContaining('broke off') })
  expect(readdirSync(home)).toEqual([])
})

test('import-session brings back what export wrote, from a file or a pipe', async () => {
  const file = join(newHome(), 'out.json')
  await talon(['export', id, '--out', file])
  await using other = await testGateway()
  const there = await runCommand(['import-session', file], { home: other.home })
  expect(there).toEqual({ exitCode: 0, out: `${id}\n`, err: '2 messages are imported.\n' })
  const copy = await runCommand(['import-session', '-', '--json'], {
    home: other.home,
    stdin: readFileSync(file, 'utf8'),
  })
  expect(copy).toMatchObject({ exitCode: 0, err: '' })
  expect(JSON.parse(copy.out)).toEqual({ sessionId: expect.any(String), messages: 2, renamed: true })
  const said = await runCommand(['import-session', file], { home: other.home })
  expect(said.err).toBe('2 messages are imported. It is a copy: a session of this gateway has its old id.\n')
})

test('what cannot be imported is said in a sentence', async () => {
  const home = newHome()
  const file = join(home, 'x.json')
  writeFileSync(file, '{"id": "sess_1", "messages": []}')
  expect(await talon(['import-session', file])).toMatchObject({
    exitCode: 1,
    out: '',
    err: expect.stringContaining('is not a session that Talon exported'),
  })
  expect(await talon(['import-session', join(home, 'none')])).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('There is no file'),
  })
  expect(await talon(['import-session', home])).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('is no file'),
  })
  expect(existsSync(file)).toBe(true)
})

test('without a gateway both say how to start one', async () => {
  const home = newHome()
  for (const argv of [
    ['export', 's'],
    ['import-session', '-'],
  ]) {
    expect(await runCommand(argv, { home })).toMatchObject({ exitCode: 3, err: expect.stringContaining('talon start') })
  }
})
