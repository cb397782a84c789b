import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { ToolOutcome } from '../../../src/server/record.ts'
import { testGateway } from '../../support/gateway.ts'
import { openWebServer } from '../../support/web-server.ts'
import { pdfFile } from './reading/pdf-file.ts'

/** A real gateway whose tools may reach these hosts. */
async function gatewayFor(allowHosts: string[], env: Record<string, string> = {}) {
  const gateway = await testGateway({
    env: {
      TALON_TOOLS_PROFILE: 'full',
      TALON_TOOLS_TAINT: 'off',
      TALON_NETWORK_ALLOW_HOSTS: allowHosts.join(','),
      ...env,
    },
  })
  return {
    ...gateway,
    run: (toolName: string, args: Record<string, unknown>, dryRun = false): Promise<ToolOutcome> =>
      gateway.app.tools.run({ toolName, args, tokenId: null, dryRun }),
  }
}

const page = `<html><head><title>Bees</title></head><body><nav>Menu</nav><article><h1>Bees</h1><p>${'Bees make honey, and wax, and more bees. '.repeat(20)}</p></article></body></html>`

test('web_fetch reads pages, feeds, JSON, text and PDF, and names what it cannot read', async () => {
  await using server = await openWebServer(({ url }, response) => {
    const say = (type: string, body: string | Buffer, status = 200) =>
      response.writeHead(status, { 'content-type': type }).end(body)
    if (url === '/page')
      response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(gzipSync(page))
    else if (url === '/moved') response.writeHead(302, { location: '/page' }).end()
    else if (url === '/json') say('application/json', '{"a":1}')
    else if (url === '/text') say('text/plain; charset=latin1', Buffer.from('grün', 'latin1'))
    else if (url === '/pdf') say('application/pdf', pdfFile(['One page']))
    else if (url === '/image') say('image/png', Buffer.alloc(500))
    else say('text/html', '<html><body><p>Nothing is here</p></body></html>', 404)
  })
  await using gateway = await gatewayFor([`127.0.0.1:${server.port}`])
  const fetched = (path: string, more = {}) => gateway.run('web_fetch', { url: `${server.url}${path}`, ...more })
  const read = await fetched('/page')
  expect(read).toMatchObject({ success: true, decision: { outcome: 'allow' } })
  expect(read.output).toContain(`# Bees\nURL: ${server.url}/page`)
  expect(read.output).toContain('Bees make honey')
  expect(read.output).not.toContain('Menu')
  expect((await fetched('/moved')).output).toContain(`URL: ${server.url}/page (after 1 redirects)`)
  expect((await fetched('/page', { maxChars: 100 })).output).toMatch(/\[… \d+ more characters/)
  expect((await fetched('/json')).output).toContain('{\n  "a": 1\n}')
  expect((await fetched('/text')).output).toContain('grün')
  expect((await fetched('/pdf')).output).toContain('[Page 1 of 1]\nOne page')
  const image = await fetched('/image')
  expect(image).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
  expect(image.error).toMatch(/image\/png, .*(200 OK)/)
  const missing = await fetched('/missing')
  expect(missing).toMatchObject({ success: false, code: 'NOT_FOUND' })
  expect(missing.error).toBe(`127.0.0.1:${server.port} answered 404 Not Found.`)
  expect(missing.output).toContain('Nothing is here')
})

test('web_fetch goes nowhere that is not listed, and a dry run says which rule decides and asks nobody', async () => {
  await using server = await openWebServer((_request, response) => response.end('secret'))
  await using gateway = await gatewayFor([`127.0.0.1:${server.port}`], { TALON_NETWORK_DENY_HOSTS: 'denied.test' })
  const dry = async (url: string) => (await gateway.run('web_fetch', { url }, true)).output
  const allowed = await dry(`${server.url}/a`)
  for (const part of [
    `Would send GET ${server.url}/a`,
    'Scheme: http',
    'Host: 127.0.0.1',
    `Port: ${server.port}`,
    'Addresses: 127.0.0.1',
    'Allowed by: network.allowHosts',
  ]) {
    expect(allowed).toContain(part)
  }
  expect(await dry('http://127.0.0.1/')).toContain('Refused by: network.address.loopback')
  expect(await dry('http://denied.test/')).toContain('Refused by: network.denied')
  expect(await dry('file:///etc/passwd')).toContain('Refused by: network.scheme')
  expect(await dry('not a url')).toContain('Refused by: INVALID_MESSAGE')
  const refused = await gateway.run('web_fetch', { url: 'http://169.254.169.254/latest/meta-data/' })
  expect(refused).toMatchObject({ success: false, code: 'FORBIDDEN' })
  expect(refused.error).toContain('metadata service')
  expect(server.connections()).toBe(0)
})

test('http_request asks only hosts that are listed for it, and shows status, chosen headers and the body', async () => {
  await using server = await openWebServer((request, response) => {
    if (request.url === '/image') {
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.alloc(500))
      return
    }
    response.writeHead(201, {
      'content-type': 'application/json',
      'set-cookie': 'canary=1',
      etag: '"e"',
      'x-powered-by': 'x',
    })
    request.pipe(response)
  })
  await using gateway = await gatewayFor([`127.0.0.1:${server.port}`, `127.0.0.2:${server.port}`], {
    TALON_TOOLS_HTTP_HOSTS: '127.0.0.1',
  })
  const send = (args: Record<string, unknown>, dryRun = false) =>
    gateway.run('http_request', { method: 'POST', url: server.url, ...args }, dryRun)
  const answer = await send({ body: '{"a":1}', headers: { Authorization: 'Bearer t' } })
  expect(answer.success).toBe(true)
  expect(answer.output).toContain('HTTP 201 Created\n')
  expect(answer.output).toContain('etag: "e"')
  expect(answer.output).toMatch(/\n\n\{"a":1\}$/)
  expect(answer.output).not.toMatch(/canary|powered/)
  expect(server.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer t' })
  expect((await send({ method: 'GET', url: `${server.url}/image` })).output).toContain(
    '[500 bytes of image/png, not shown]',
  )
  const elsewhere = await send({ url: `http://127.0.0.2:${server.port}/` })
  expect(elsewhere).toMatchObject({ success: false, code: 'FORBIDDEN' })
  expect(elsewhere.error).toContain('tools.httpHosts')
  expect(await send({ headers: { Host: 'other.test' } })).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
  expect(await send({ headers: { 'x-a': 'b\r\nc: d' } })).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
  expect(await send({ method: 'CONNECT' })).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
  const dry = (await send({ headers: { 'X-Key': 'canary' }, body: 'abc' }, true)).output
  expect(dry).toContain('Would send POST')
  expect(dry).toContain('Headers: x-key\nBody: 3 bytes')
  expect(dry).not.toContain('canary')
})

test('http_request says that it needs a list of hosts', async () => {
  await using gateway = await gatewayFor([])
  const infoOf = () => gateway.app.tools.list().find(({ name }) => name === 'http_request')
  expect(infoOf()).toMatchObject({ available: false, reason: expect.stringContaining('tools.httpHosts') })
  const refused = await gateway.run('http_request', { method: 'GET', url: 'http://127.0.0.1/' })
  expect(refused).toMatchObject({ success: false, code: 'FORBIDDEN' })
})

test('web_search asks the SearXNG of the settings, at a private address, and shows its results only', async () => {
  const results = [
    { title: 'One <b>title</b>', url: 'https://example.org/1', content: 'A snippet &amp; more' },
    { title: 'Script', url: 'javascript:alert(1)', content: '' },
    { title: '', url: 'https://example.org/2', content: null },
  ]
  await using server = await openWebServer((_request, response) => response.end(JSON.stringify({ results })))
  await using gateway = await gatewayFor([], { TALON_SEARCH_SEARXNG_URL: `${server.url}/` })
  const answer = await gateway.run('web_search', { query: 'bees & wax' })
  expect(server.asked).toEqual(['GET /search?q=bees+%26+wax&format=json'])
  expect(answer.output).toBe(
    'SearXNG, for "bees & wax":\n\n1. One title\n   https://example.org/1\n   A snippet & more\n\n2. https://example.org/2\n   https://example.org/2',
  )
  const dry = await gateway.run('web_search', { query: 'bees' }, true)
  expect(dry.output).toContain('Engine: SearXNG')
  // What is configured for one tool opens nothing for another.
  expect(await gateway.run('web_fetch', { url: server.url })).toMatchObject({ success: false, code: 'FORBIDDEN' })
})

test('web_search can be switched off, and says what it lacks', async () => {
  await using off = await gatewayFor([], { TALON_SEARCH_PROVIDER: 'off' })
  expect(await off.run('web_search', { query: 'bees' })).toMatchObject({ success: false, code: 'FORBIDDEN' })
  await using keyless = await gatewayFor([], { TALON_SEARCH_PROVIDER: 'brave' })
  expect((await keyless.run('web_search', { query: 'bees' })).error).toContain('search.braveKey')
})
