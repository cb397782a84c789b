import { expect, test } from 'vitest'
import { TalonError } from '../../../../src/protocol/errors.ts'
import { loadConfig } from '../../../../src/server/config.ts'
import { withSecretFiles } from '../../../../src/server/secret-files.ts'
import { createReader } from '../../../../src/server/tools/reading/reader.ts'
import { engineOf } from '../../../../src/server/tools/search/engines.ts'
import { search } from '../../../../src/server/tools/search/search.ts'
import { openWebServer } from '../../../support/web-server.ts'
import { guarded } from '../network/guarded.ts'

interface Scripted {
  status?: number
  body: string
  headers?: Record<string, string>
}

/** Asks an engine that answers so; its address is that of the engine. */
async function asked(env: Record<string, string>, { status = 200, body, headers = {} }: Scripted, limit = 10) {
  let received = ''
  await using server = await openWebServer((request, response) => {
    request.on('data', chunk => {
      received += chunk
    })
    request.on('end', () =>
      response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body),
    )
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const reader = createReader({ timeLimitMs: 60_000 })
  const base = server.url
  const full = { ...env, ...(env['TALON_SEARCH_PROVIDER'] === 'searxng' ? { TALON_SEARCH_SEARXNG_URL: base } : {}) }
  const settings = loadConfig({ home: '/nowhere', env: full }).values
  const engine = engineOf(settings, { brave: `${base}/brave`, tavily: `${base}/tavily`, duckduckgo: `${base}/html/` })
  if ('problem' in engine) throw new Error(engine.problem)
  try {
    const tools = { network: net.network, reader, signal: new AbortController().signal }
    const outcome = await search(engine, 'bees', limit, tools).catch((error: unknown) => error)
    return { outcome, name: engine.name, asked: server.asked, headers: server.headers, received }
  } finally {
    await reader.close()
  }
}

const hit = { title: 'Bees', url: 'https://example.org/bees' }
const expected = { ...hit, snippet: 'All about bees' }

test('Brave is asked with its key and its hits are read', async () => {
  const env = { TALON_SEARCH_PROVIDER: 'brave', TALON_SEARCH_BRAVE_KEY: 'canary-key' }
  const results = [{ ...hit, description: 'All about <strong>bees</strong>' }]
  const found = await asked(env, { body: JSON.stringify({ type: 'search', web: { results } }) }, 3)
  expect(found.outcome).toEqual([expected])
  expect(found.asked).toEqual(['GET /brave?q=bees&count=3'])
  expect(found.headers['x-subscription-token']).toBe('canary-key')
  expect((await asked(env, { body: '{"type":"search"}' })).outcome).toEqual([])
})

test('Tavily is asked with its key and its hits are read', async () => {
  const env = { TALON_SEARCH_TAVILY_KEY: 'canary-key' }
  const found = await asked(env, { body: JSON.stringify({ results: [{ ...hit, content: 'All about bees' }] }) })
  expect(found).toMatchObject({ name: 'Tavily', outcome: [expected], asked: ['POST /tavily'] })
  expect(found.headers.authorization).toBe('Bearer canary-key')
  expect(JSON.parse(found.received)).toEqual({ query: 'bees', max_results: 10 })
})

test("DuckDuckGo's page is read: real hits, without advertisements, up to the limit", async () => {
  const link = (url: string) => `//duckduckgo.com/l/?uddg=${encodeURIComponent(url)}&rut=abc`
  const result = (title: string, href: string, more = '') =>
    `<div class="result ${more}"><h2><a class="result__a" href="${href}">${title}</a></h2><a class="result__snippet">About <b>${title}</b></a></div>`
  const body = `<html><body>${result('Ad', link('https://ads.example/'), 'result--ad')}${result('One', link('https://example.org/1?a=1&b=2'))}
    ${result('Own', '//duckduckgo.com/y.js?ad=1')}${result('Bad', link('javascript:alert(1)'))}${result('Two', 'https://example.org/2')}
    ${result('Three', link('https://example.org/3'))}</body></html>`
  const found = await asked({}, { body }, 2)
  expect(found).toMatchObject({ name: 'DuckDuckGo', asked: ['GET /html/?q=bees'] })
  expect(found.outcome).toEqual([
    { title: 'One', url: 'https://example.org/1?a=1&b=2', snippet: 'About One' },
    { title: 'Two', url: 'https://example.org/2', snippet: 'About Two' },
  ])
  const none = await asked({}, { body: '<html><body><div class="no-results">No results.</div></body></html>' })
  expect(none.outcome).toEqual([])
})

test('what is no page of results is an error that says so, and never a result', async () => {
  const cases: [env: Record<string, string>, answer: Scripted, code: string, says: RegExp][] = [
    [
      {},
      { body: '<html><body><div class="anomaly-modal__title">Bots!</div></body></html>' },
      'PROVIDER_ERROR',
      /see a person/,
    ],
    [{}, { status: 202, body: '<html><body>wait</body></html>' }, 'PROVIDER_ERROR', /see a person/],
    [
      {},
      { body: '<html><body><h1>Welcome</h1><a href="https://example.org">A link</a></body></html>' },
      'PROVIDER_ERROR',
      /cannot be read/,
    ],
    [{}, { body: '' }, 'PROVIDER_ERROR', /cannot be read/],
    [{}, { status: 403, body: 'no' }, 'FORBIDDEN', /403/],
    [{}, { status: 302, body: '', headers: { location: '/other' } }, 'PROVIDER_ERROR', /not followed/],
    [{ TALON_SEARCH_PROVIDER: 'searxng' }, { body: '<html>' }, 'PROVIDER_ERROR', /search.formats/],
    [{ TALON_SEARCH_PROVIDER: 'searxng' }, { status: 403, body: '' }, 'FORBIDDEN', /search.formats/],
    [{ TALON_SEARCH_BRAVE_KEY: 'canary' }, { status: 429, body: '{}' }, 'RATE_LIMITED', /quota/],
    [{ TALON_SEARCH_BRAVE_KEY: 'canary' }, { status: 401, body: '{}' }, 'FORBIDDEN', /search.braveKey/],
    [{ TALON_SEARCH_BRAVE_KEY: 'canary' }, { body: '{"results":[]}' }, 'PROVIDER_ERROR', /cannot|can be read/],
    [{ TALON_SEARCH_TAVILY_KEY: 'canary' }, { body: '{"results":[{"title":1}]}' }, 'PROVIDER_ERROR', /can be read/],
    [{ TALON_SEARCH_TAVILY_KEY: 'canary' }, { status: 500, body: '{}' }, 'PROVIDER_ERROR', /500/],
  ]
  for (const [env, answer, code, says] of cases) {
    const { outcome } = await asked(env, answer)
    expect(outcome).toBeInstanceOf(TalonError)
    if (!(outcome instanceof TalonError)) continue
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says)])
    expect(outcome.message).not.toContain('canary')
  }
}, 60_000)

test('"auto" takes the first engine that is set up', () => {
  const nameOf = (env: Record<string, string>) => {
    const engine = engineOf(loadConfig({ home: '/nowhere', env }).values)
    return 'problem' in engine ? engine.problem : engine.name
  }
  const [searxng, brave, tavily] = [
    { TALON_SEARCH_SEARXNG_URL: 'http://10.0.0.1' },
    { TALON_SEARCH_BRAVE_KEY: 'b' },
    { TALON_SEARCH_TAVILY_KEY: 't' },
  ]
  expect(nameOf({ ...searxng, ...brave, ...tavily })).toBe('SearXNG')
  expect(nameOf({ ...brave, ...tavily })).toBe('Brave Search')
  expect(nameOf(tavily)).toBe('Tavily')
  expect(nameOf({})).toBe('DuckDuckGo')
  expect(nameOf({ TALON_SEARCH_PROVIDER: 'duckduckgo', ...brave })).toBe('DuckDuckGo')
  expect(nameOf({ TALON_SEARCH_PROVIDER: 'off' })).toContain('off')
  expect(nameOf({ TALON_SEARCH_PROVIDER: 'searxng' })).toContain('search.searxngUrl')
})

test('a key may lie in a file, as a container gets it', () => {
  expect(() => withSecretFiles({ TALON_SEARCH_BRAVE_KEY_FILE: '/none/such' })).toThrow('TALON_SEARCH_BRAVE_KEY_FILE')
})
