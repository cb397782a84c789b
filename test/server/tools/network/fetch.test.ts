import { expect, test } from 'vitest'
import { openTcpServer, openWebServer } from '../../../support/web-server.ts'
import { guarded, refusalOf } from './guarded.ts'

test('a name that moves to this machine after it was checked leads nowhere', async () => {
  await using secret = await openWebServer((_request, response) => response.end('secret'))
  await using outside = await openWebServer((_request, response) => response.end('outside'), { host: '127.0.0.2' })
  await using net = await guarded({
    'network.ports': [outside.port, secret.port],
    'network.allowHosts': ['127.0.0.2'],
  })
  net.dns.set('moving.test', before => ({ a: [before === 0 ? '127.0.0.2' : '127.0.0.1'] }))
  const first = await net.get(`http://moving.test:${outside.port}/`)
  expect(first.body.toString()).toBe('outside')
  expect(net.dns.asked('moving.test')).toBe(1)
  expect(outside.headers.host).toBe(`moving.test:${outside.port}`)
  for (const port of [outside.port, secret.port]) {
    expect(await refusalOf(net.get(`http://moving.test:${port}/`))).toBe('network.address.loopback')
  }
  expect(secret.connections()).toBe(0)
})

test('a name that moves between two steps of a redirect is refused at the second', async () => {
  await using secret = await openWebServer((_request, response) => response.end('secret'))
  await using outside = await openWebServer(
    (_request, response) => response.writeHead(302, { location: `http://moving.test:${secret.port}/` }).end(),
    { host: '127.0.0.2' },
  )
  await using net = await guarded({ 'network.ports': [outside.port, secret.port], 'network.allowHosts': ['127.0.0.2'] })
  net.dns.set('moving.test', before => ({ a: [before === 0 ? '127.0.0.2' : '127.0.0.1'] }))
  expect(await refusalOf(net.get(`http://moving.test:${outside.port}/`))).toBe('network.address.loopback')
  expect(secret.connections()).toBe(0)
})

test('the next address is tried where one does not answer, and only those that were checked', async () => {
  await using server = await openWebServer((_request, response) => response.end('here'), { host: '127.0.0.3' })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.0/8:${server.port}`] })
  net.dns.set('several.test', { a: ['127.0.0.2', '127.0.0.3'] })
  expect((await net.get(`http://several.test:${server.port}/`)).body.toString()).toBe('here')
  expect(net.dns.asked('several.test')).toBe(1)
})

test('a DNS server that fails, keeps silent or talks nonsense ends in an error', async () => {
  await using net = await guarded()
  net.dns.set('failing.test', { failure: 'SERVFAIL' })
  net.dns.set('refusing.test', { failure: 'REFUSED' })
  net.dns.set('silent.test', { never: true })
  net.dns.set('nonsense.test', { bytes: Buffer.alloc(40_000, 0x41) })
  expect(await refusalOf(net.get('http://failing.test/'))).toBe('PROVIDER_ERROR')
  expect(await refusalOf(net.get('http://refusing.test/'))).toBe('PROVIDER_ERROR')
  expect(await refusalOf(net.get('http://silent.test/', { timeoutMs: 300 }))).toBe('TIMEOUT')
  expect(await refusalOf(net.get('http://nonsense.test/', { timeoutMs: 300 }))).toMatch(/^(TIMEOUT|PROVIDER_ERROR)$/)
})

test('whoever waits for a name can leave', async () => {
  await using net = await guarded()
  net.dns.set('silent.test', { never: true })
  const stop = new AbortController()
  const asked = net.network.fetch({ url: 'http://silent.test/', signal: stop.signal, maxBytes: 1 })
  stop.abort(new Error('left'))
  await expect(asked).rejects.toThrow('left')
})

test('every kind of redirect into this machine is refused, however many come before', async () => {
  await using secret = await openWebServer((_request, response) => response.end('secret'))
  const locations = [
    `http://127.0.0.1:${secret.port}/`,
    `//127.0.0.1:${secret.port}/`,
    `http://0x7f.1:${secret.port}/`,
    `http://[::ffff:127.0.0.1]:${secret.port}/`,
    `http://localhost:${secret.port}/`,
    'file:///etc/passwd',
    `http://user:pass@127.0.0.1:${secret.port}/`,
    'ftp://127.0.0.1/',
    'javascript:alert(1)',
    'http://127.0.0.2:22/',
  ]
  await using outside = await openWebServer(
    ({ url = '' }, response) => {
      const [, status = '302', at = '0', hops = '0'] = url.split('/')
      const left = Number(hops)
      const location = left > 0 ? `/${status}/${at}/${left - 1}` : locations[Number(at)]
      response.writeHead(Number(status), { location }).end('redirect')
    },
    { host: '127.0.0.2' },
  )
  await using net = await guarded({ 'network.ports': [outside.port, secret.port], 'network.allowHosts': ['127.0.0.2'] })
  let tried = 0
  for (const status of [301, 302, 303, 307, 308]) {
    for (const at of locations.keys()) {
      for (const hops of [0, 3]) {
        const found = await refusalOf(net.get(`${outside.url}/${status}/${at}/${hops}`))
        expect(found, `${status} to ${locations[at]} after ${hops}`).toMatch(
          /^network\.(address|scheme|credentials|port)/,
        )
        tried += 1
      }
    }
  }
  console.log(`redirects: ${tried} tried, ${tried} refused`)
  expect(secret.connections()).toBe(0)
})

test('redirects without end are given up after five', async () => {
  await using server = await openWebServer(({ url = '' }, response) => {
    const count = Number(url.slice(1))
    if (count === 0) response.end('done')
    else response.writeHead(302, { location: `/${count - 1}` }).end()
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const fifth = await net.get(`${server.url}/5`)
  expect(fifth).toMatchObject({ status: 200, url: `${server.url}/0` })
  expect(fifth.redirects).toHaveLength(5)
  expect(await refusalOf(net.get(`${server.url}/6`))).toBe('PROVIDER_ERROR')
  expect(await refusalOf(net.get(`${server.url}/1`, { maxRedirects: 0 }))).toBe('PROVIDER_ERROR')
})

test('a redirect takes method and body along as its status says, and nothing private to another origin', async () => {
  const seen: string[] = []
  await using second = await openWebServer(
    (request, response) => {
      seen.push(
        `${request.method} ${request.headers.authorization} ${request.headers['x-api-key']} ${request.headers.cookie}`,
      )
      response.end()
    },
    { host: '127.0.0.2' },
  )
  await using first = await openWebServer((request, response) => {
    const status = Number((request.url ?? '').split('/')[1])
    if (status === 0) {
      seen.push(`${request.method} ${request.headers.authorization} ${request.headers['content-length']}`)
      response.end()
      return
    }
    const location = request.url?.endsWith('away') ? `${second.url}/` : '/0'
    response.writeHead(status, { location }).end()
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.0/8:${first.port}`, `127.0.0.0/8:${second.port}`] })
  const headers = { authorization: 'Bearer canary', 'X-Api-Key': 'canary', cookie: 'canary' }
  const post = { method: 'POST', body: 'text', headers }
  await net.get(`${first.url}/302`, post)
  await net.get(`${first.url}/303`, post)
  await net.get(`${first.url}/307`, post)
  await net.get(`${first.url}/302/away`, post)
  await net.get(`${first.url}/301/away`, { headers })
  expect(await refusalOf(net.get(`${first.url}/307/away`, post))).toBe('network.body')
  const kept = ['GET Bearer canary undefined', 'GET Bearer canary undefined', 'POST Bearer canary 4']
  const away = 'GET undefined undefined undefined'
  expect(seen).toEqual([...kept, away, away])
})

test('hosts that a request is bound to bind its redirects too', async () => {
  await using other = await openWebServer((_request, response) => response.end('other'), { host: '127.0.0.2' })
  await using first = await openWebServer((_request, response) =>
    response.writeHead(302, { location: `${other.url}/` }).end(),
  )
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.0/8:${first.port}`, `127.0.0.0/8:${other.port}`] })
  expect(await refusalOf(net.get(first.url, { hosts: ['127.0.0.1'] }))).toBe('network.unlisted')
  expect(await refusalOf(net.get(other.url, { hosts: ['127.0.0.1', '*.example.org'] }))).toBe('network.unlisted')
  expect(other.connections()).toBe(0)
})

test('headers are bounded and have to be those of HTTP', async () => {
  const say = (text: string) => openTcpServer(socket => void socket.end(text))
  const answers: [string, string][] = [
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`, 'TOO_LARGE'],
    [`HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(20_000)}\r\n`, 'TOO_LARGE'],
    ['SSH-2.0-OpenSSH_9.9\r\n', 'PROVIDER_ERROR'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'PROVIDER_ERROR'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef', 'PROVIDER_ERROR'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', 'PROVIDER_ERROR'],
    ['HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 'PROVIDER_ERROR'],
    ['', 'PROVIDER_ERROR'],
  ]
  await using net = await guarded({ 'network.allowHosts': ['127.0.0.1'] })
  for (const [text, code] of answers) {
    await using server = await say(text)
    net.config['network.ports'] = [server.port]
    expect([text.slice(0, 60), await refusalOf(net.get(server.url))]).toEqual([text.slice(0, 60), code])
  }
})

test('a connection is for one request: none is kept for another host or another decision', async () => {
  await using server = await openWebServer((_request, response) => response.end('here'))
  await using net = await guarded({ 'network.ports': [server.port], 'network.allowHosts': ['trusted.test'] })
  net.dns.set('trusted.test', { a: ['127.0.0.1'] })
  net.dns.set('stranger.test', { a: ['127.0.0.1'] })
  const trusted = `http://trusted.test:${server.port}/`
  await net.get(trusted)
  await net.get(trusted)
  expect(server.connections()).toBe(2)
  expect(server.headers.connection).toBe('close')
  expect(await refusalOf(net.get(`http://stranger.test:${server.port}/`))).toBe('network.address.loopback')
  net.config['network.allowHosts'] = []
  expect(await refusalOf(net.get(trusted))).toBe('network.address.loopback')
  expect(server.connections()).toBe(2)
})

test('a certificate has to be trusted and to name the host', async () => {
  await using server = await openWebServer((_request, response) => response.end('secure'), { secure: true })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  for (const name of ['secure.test', 'other.test']) net.dns.set(name, { a: ['127.0.0.1'] })
  expect((await net.get(`https://secure.test:${server.port}/`)).body.toString()).toBe('secure')
  for (const host of ['other.test', '127.0.0.1']) {
    expect(await refusalOf(net.get(`https://${host}:${server.port}/`))).toBe('PROVIDER_ERROR')
  }
  await using plain = await openWebServer((_request, response) => response.end('plain'))
  net.config['network.allowHosts'] = ['127.0.0.1']
  net.config['network.ports'] = [plain.port]
  expect(await refusalOf(net.get(`https://secure.test:${plain.port}/`))).toBe('PROVIDER_ERROR')
})

test('https never becomes http', async () => {
  await using plain = await openWebServer((_request, response) => response.end('plain'))
  await using server = await openWebServer(
    (_request, response) => response.writeHead(302, { location: plain.url }).end(),
    { secure: true },
  )
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`, `127.0.0.1:${plain.port}`] })
  net.dns.set('secure.test', { a: ['127.0.0.1'] })
  expect(await refusalOf(net.get(`https://secure.test:${server.port}/`))).toBe('network.downgrade')
  expect(plain.connections()).toBe(0)
})

test('no header can end another one, point elsewhere or change the connection', async () => {
  await using server = await openWebServer((_request, response) => response.end())
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const bad: Record<string, string>[] = [
    { host: 'other.test' },
    { HOST: 'other.test' },
    { 'x-a': 'b\r\nHost: other.test' },
    { 'x-a': 'b\nc' },
    { 'x-a': 'b\0c' },
    { 'x-a\r\nHost': 'other.test' },
    { 'x a': 'b' },
    { 'x:a': 'b' },
    { '': 'b' },
    { ':authority': 'other.test' },
    { connection: 'keep-alive, x-secret' },
    { 'keep-alive': 'timeout=5' },
    { 'transfer-encoding': 'chunked' },
    { 'Content-Length': '5' },
    { te: 'trailers' },
    { trailer: 'x' },
    { upgrade: 'websocket' },
    { expect: '100-continue' },
    { 'proxy-authorization': 'Basic x' },
    { 'Proxy-Connection': 'keep-alive' },
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { 'accept-encoding': 'identity' },
    { 'x-a': '1', 'X-A': '2' },
    { 'x-long': 'a'.repeat(10_000) },
    { 'x-a': 'snow ☃' },
    Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`x-${at}`, 'a'])),
  ]
  for (const headers of bad) {
    const shown = JSON.stringify(headers).slice(0, 60)
    expect([shown, await refusalOf(net.get(server.url, { headers }))]).toEqual([shown, 'INVALID_MESSAGE'])
  }
  for (const method of ['CONNECT', 'TRACE', 'get', 'GET / HTTP/1.1\r\nHost: other\r\n\r\nGET']) {
    expect(await refusalOf(net.get(server.url, { method }))).toBe('INVALID_MESSAGE')
  }
  expect(server.connections()).toBe(0)
})

test('a proxy of the environment is not asked', async () => {
  await using proxy = await openTcpServer(() => {})
  await using server = await openWebServer((_request, response) => response.end('direct'))
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const variables = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
  const before = variables.map(name => [name, process.env[name]] as const)
  for (const name of variables) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.url
  try {
    expect((await net.get(server.url)).body.toString()).toBe('direct')
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
  expect(proxy.connections()).toBe(0)
})
