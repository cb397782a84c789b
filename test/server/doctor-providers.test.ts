import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/server/doctor.ts'
import { temporaryHome } from '../support/store.ts'
import { examineHome, found, type More, now, writeSettings } from './examined.ts'

const key = 'sk-never-to-be-shown-0123456789'
let place: ReturnType<typeof temporaryHome>

beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => place.remove())

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A real server on loopback; its base URL, and the requests that it got. */
async function server(answer: Answer): Promise<{ baseUrl: string; requests: IncomingMessage[]; close(): void }> {
  const requests: IncomingMessage[] = []
  const http = createServer((request, response) => {
    requests.push(request)
    response.sendDate = false
    answer(request, response)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const close = () => {
    http.closeAllConnections()
    http.close()
  }
  onTestFinished(close)
  const address = http.address()
  return { baseUrl: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`, requests, close }
}

const says =
  (status: number, body = '{}', headers = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

function configure(...providers: object[]): void {
  const rows = providers.map((provider, at) => ({
    ...{ name: `p${at}`, kind: 'openai-compatible', models: ['m'] },
    ...provider,
  }))
  writeSettings(place, { agent: { providers: rows } })
}

async function examined(more: More = {}): Promise<Report> {
  const report = await examineHome(place.home, { groups: ['providers'], ...more })
  expect(JSON.stringify(report)).not.toContain(key)
  return report
}

describe('a provider', () => {
  test('that takes the key is well, and is asked in its own way', async () => {
    const list = JSON.stringify({ data: [{ id: 'm' }, { id: 'other:latest' }] })
    const [openAi, anthropic] = [await server(says(200, list)), await server(says(200, list))]
    configure(
      { baseUrl: `${openAi.baseUrl}/`, apiKey: key, models: ['m', 'other'] },
      { baseUrl: anthropic.baseUrl, kind: 'anthropic', apiKeyFile: 'a.key', headers: { 'x-more': 'yes' } },
    )
    writeFileSync(join(place.home, 'a.key'), `${key}\n`, { mode: 0o600 })
    const { findings } = await examined()
    expect(findings.map(({ id, severity }) => [id, severity])).toEqual([
      ['providers.reachable', 'ok'],
      ['providers.reachable', 'ok'],
    ])
    expect(findings[0]?.title).toMatch(/^p0 answers in \d+ ms and takes the key\.$/)
    expect(openAi.requests[0]).toMatchObject({ url: '/v1/models', headers: { authorization: `Bearer ${key}` } })
    expect(anthropic.requests[0]).toMatchObject({
      url: '/v1/models',
      headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'x-more': 'yes' },
    })
  })

  test.each([
    [401, 'providers.key', 'error', /refuses the key/],
    [403, 'providers.key', 'error', /refuses the key/],
    [404, 'providers.reachable', 'ok', /answers in/],
    [429, 'providers.reachable', 'warn', /status 429/],
    [503, 'providers.reachable', 'warn', /status 503/],
    [302, 'providers.reachable', 'warn', /status 302/],
  ] as const)('that answers with %d gives a finding %s of severity %s', async (status, id, severity, title) => {
    const elsewhere = await server(says(200))
    const { baseUrl } = await server(says(status, `{"error": "no: ${key}"}`, { location: elsewhere.baseUrl }))
    configure({ baseUrl, apiKey: key })
    expect(found(await examined(), id)).toMatchObject({ severity, title: expect.stringMatching(title) })
    expect(elsewhere.requests).toEqual([])
  })

  test('that wants a key and gets none is told apart from one that refuses it', async () => {
    const { baseUrl } = await server(says(401))
    configure({ baseUrl })
    expect(found(await examined(), 'providers.key')?.title).toBe('p0 wants a key (401).')
  })

  test('that is not there is named', async () => {
    const gone = await server(says(200))
    gone.close()
    configure({ baseUrl: gone.baseUrl })
    expect(found(await examined(), 'providers.reachable')).toMatchObject({
      severity: 'warn',
      title: expect.stringMatching(/^p0 cannot be reached: .*ECONNREFUSED/),
      fix: 'Start that server, or correct baseUrl.',
    })
  })

  test('that does not answer is not waited for', async () => {
    const silent = await server(() => undefined)
    configure({ baseUrl: silent.baseUrl })
    expect(found(await examined({ patience: { providerMs: 500 } }), 'providers.reachable')).toMatchObject({
      severity: 'warn',
      title: 'p0 cannot be reached: no answer within 0.5 s.',
    })
  })

  test('is asked while others are, not after them', async () => {
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>()
    let asked = 0
    const answer: Answer = async (request, response) => {
      asked++
      if (asked === 2) resolve()
      await bothAsked
      says(200)(request, response)
    }
    configure({ baseUrl: (await server(answer)).baseUrl }, { baseUrl: (await server(answer)).baseUrl })
    const { findings } = await examined()
    expect(findings.map(({ severity }) => severity)).toEqual(['ok', 'ok'])
  })

  test('that sends an endless list is left', async () => {
    const { baseUrl } = await server((_request, response) => {
      const chunk = Buffer.alloc(256 * 1024, ' ')
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    })
    configure({ baseUrl })
    expect(found(await examined(), 'providers.reachable')?.severity).toBe('ok')
  })

  test('that does not list a model of the settings gives a note', async () => {
    const { baseUrl } = await server(says(200, JSON.stringify({ data: [{ id: 'gpt-5' }, null, { id: 7 }] })))
    configure({ baseUrl, models: ['gpt-5', 'gtp-5'] })
    expect(found(await examined(), 'providers.models')).toMatchObject({
      severity: 'info',
      title: 'p0 does not list gtp-5.',
      detail: 'It lists gpt-5.',
    })
  })

  test('of which the key is missing is not asked', async () => {
    const { baseUrl, requests } = await server(says(200))
    configure(
      { baseUrl, apiKeyEnv: 'NO_SUCH_KEY' },
      { baseUrl, apiKeyFile: 'no.key' },
      { baseUrl, apiKey: `${key} \u0007` },
    )
    const { findings } = await examined()
    expect(findings.map(({ severity, title }) => [severity, title])).toEqual([
      ['warn', 'p0: the variable NO_SUCH_KEY holds no key, so that each call to it fails.'],
      ['error', `p1: the file ${join(place.home, 'no.key')} holds no key, so that each call to it fails.`],
      ['error', 'p2: apiKey holds characters that no key has, so that each call to it fails.'],
    ])
    expect(requests).toEqual([])
    const env = { NO_SUCH_KEY: key }
    const set = await examined({ env })
    expect(set.findings.filter(({ id }) => id === 'providers.reachable')).toHaveLength(1)
  })

  test('is not asked with --offline', async () => {
    const { baseUrl, requests } = await server(says(200))
    configure({ baseUrl })
    expect(found(await examined({ offline: true }), 'providers.reachable')).toMatchObject({ severity: 'info' })
    expect(requests).toEqual([])
  })

  test('is asked without the proxy that the environment names, and that is said', async () => {
    const { baseUrl } = await server(says(200))
    configure({ baseUrl })
    const report = await examined({ env: { HTTPS_PROXY: 'http://user:word@proxy:3128' } })
    expect(found(report, 'providers.proxy')?.title).toContain('HTTPS_PROXY')
    expect(JSON.stringify(report)).not.toContain('word')
    expect(found(report, 'providers.reachable')?.severity).toBe('ok')
  })

  test('tells whether the clock is right', async () => {
    const at = (date: number) => says(200, '{}', { date: new Date(date).toUTCString() })
    const [right, wrong] = [await server(at(now)), await server(at(now - 3 * 3_600_000))]
    configure({ baseUrl: wrong.baseUrl })
    expect(found(await examined(), 'clock.skew')).toMatchObject({
      severity: 'warn',
      title: 'The clock of this machine is 3 hours ahead.',
    })
    configure({ baseUrl: wrong.baseUrl }, { baseUrl: right.baseUrl })
    expect(found(await examined(), 'clock.skew')).toBeUndefined()
  })
})

test('without a provider it is said that only the offline model answers', async () => {
  expect(found(await examined(), 'providers.none')?.severity).toBe('info')
  rmSync(join(place.home, 'talon.json'), { force: true })
  writeSettings(place, { agent: { providers: [{ name: 'mine', kind: 'offline' }] } })
  expect(found(await examined(), 'providers.none')?.severity).toBe('info')
})
