import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import type { ForwardProxy } from '../../../../src/server/tools/network/proxy.ts'
import { certificate } from '../../../support/certificate.ts'
import { openTcpServer, openWebServer } from '../../../support/web-server.ts'
import { guarded } from './guarded.ts'

test('a page goes through by its whole URL, without what is only for the proxy', async () => {
  await using server = await openWebServer((_request, response) => {
    response
      .writeHead(201, { 'x-of-page': 'yes', 'keep-alive': 'timeout=9', connection: 'x-secret', 'x-secret': '1' })
      .end('page')
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const stop = new AbortController()
  const proxy = await net.network.openProxy({ signal: stop.signal })
  const { response, body } = await viaProxy(proxy, `${server.url}/path?a=1`, { 'proxy-connection': 'keep-alive' })
  expect({ status: response.statusCode, body }).toEqual({ status: 201, body: 'page' })
  expect(response.headers).toMatchObject({ 'x-of-page': 'yes' })
  expect(response.headers).not.toHaveProperty('x-secret')
  expect(server.asked).toEqual(['GET /path?a=1'])
  expect(server.headers['host']).toBe(`127.0.0.1:${server.port}`)
  expect(Object.keys(server.headers).filter(name => name.startsWith('proxy-'))).toEqual([])
  await proxy.close()
})

test('nobody without the credential of this start can use it', async () => {
  await using server = await openWebServer((_request, response) => response.end('page'))
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const { signal } = new AbortController()
  const [proxy, other] = [await net.network.openProxy({ signal }), await net.network.openProxy({ signal })]
  expect(proxy.password).not.toBe(other.password)
  for (const password of ['', 'wrong', other.password, `${proxy.password}x`]) {
    const { response } = await viaProxy({ ...proxy, password }, server.url)
    expect(response.statusCode).toBe(407)
    expect((await tunnel({ ...proxy, password }, `127.0.0.1:${server.port}`)).status).toBe(407)
  }
  expect(server.connections()).toBe(0)
  await Promise.all([proxy.close(), other.close()])
})

test('the guard decides for pages and tunnels alike, by name, address and port', async () => {
  await using secret = await openWebServer((_request, response) => response.end('secret'))
  await using net = await guarded({ 'network.ports': [443, secret.port], 'network.denyHosts': ['denied.test'] })
  net.dns.set('inside.test', { a: ['127.0.0.1'] })
  net.dns.set('mixed.test', { a: ['93.184.216.34', '127.0.0.1'] })
  net.dns.set('denied.test', { a: ['93.184.216.34'] })
  const { signal } = new AbortController()
  const proxy = await net.network.openProxy({ signal })
  const hosts = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.1']
  const names = ['inside.test', 'mixed.test', 'denied.test', '169.254.169.254', '0.0.0.0', '127。0。0。1']
  let refused = 0
  for (const host of [...hosts, ...names]) {
    const page = await viaProxy(proxy, `http://${host}:${secret.port}/`)
    const made = await tunnel(proxy, `${host}:${secret.port}`)
    expect([host, page.response.statusCode, made.status]).toEqual([host, 403, 403])
    refused += 2
  }
  for (const authority of ['93.184.216.34:22', '93.184.216.34:25', '93.184.216.34:0']) {
    expect((await tunnel(proxy, authority)).status).toBe(403)
    refused += 1
  }
  for (const authority of [
    '',
    'host',
    ':443',
    'a@b:443',
    'a/b:443',
    'http://a:443',
    '93.184.216.34:99999',
    '[::1:443',
  ]) {
    expect([authority, (await tunnel(proxy, authority)).status]).toEqual([authority, 400])
    refused += 1
  }
  for (const url of [
    'https://example.org/',
    'file:///etc/passwd',
    'ftp://example.org/',
    '/path',
    'http://u:p@127.0.0.1/',
  ]) {
    expect((await viaProxy(proxy, url)).response.statusCode).toBeGreaterThanOrEqual(400)
    refused += 1
  }
  console.log(`proxy: ${refused} tried, ${refused} refused`)
  expect(secret.connections()).toBe(0)
  await proxy.close()
})

test('a tunnel carries TLS to a checked address, and the name is looked up once', async () => {
  await using server = await openWebServer((_request, response) => response.end('secure'), { secure: true })
  await using net = await guarded({ 'network.allowHosts': [`secure.test:${server.port}`] })
  net.dns.set('secure.test', before => ({ a: [before === 0 ? '127.0.0.1' : '127.0.0.9'] }))
  const { signal } = new AbortController()
  const proxy = await net.network.openProxy({ signal })
  const { status, socket } = await tunnel(proxy, `secure.test:${server.port}`)
  expect(status).toBe(200)
  const tls = connectTls({ socket, servername: 'secure.test', ca: certificate })
  tls.end('GET / HTTP/1.1\r\nHost: secure.test\r\nConnection: close\r\n\r\n')
  expect(await text(tls)).toContain('secure')
  expect(net.dns.asked('secure.test')).toBe(1)
  await proxy.close()
})

test('its end cuts what goes through it, whoever asks for the end', async () => {
  const open = Promise.withResolvers<Socket>()
  await using server = await openTcpServer(open.resolve)
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const stop = new AbortController()
  const proxy = await net.network.openProxy({ signal: stop.signal })
  const { socket } = await tunnel(proxy, `127.0.0.1:${server.port}`)
  const remote = await open.promise
  const ended = Promise.all([once(socket, 'close'), once(remote, 'close')])
  stop.abort()
  await ended
  await proxy.close()
  await expect(once(connect(proxy.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
  await expect(net.network.openProxy({ signal: stop.signal })).rejects.toThrow()
})

test('a server that hangs up or cannot be reached is an answer and not a crash', async () => {
  await using server = await openTcpServer(socket => socket.destroy())
  await using net = await guarded({ 'network.allowHosts': ['127.0.0.0/8'] })
  const gone = await openTcpServer(() => {})
  net.config['network.ports'] = [server.port, gone.port]
  await gone[Symbol.asyncDispose]()
  const { signal } = new AbortController()
  const proxy = await net.network.openProxy({ signal })
  expect((await viaProxy(proxy, server.url)).response.statusCode).toBe(502)
  expect((await viaProxy(proxy, gone.url)).response.statusCode).toBe(502)
  expect((await tunnel(proxy, `127.0.0.1:${gone.port}`)).status).toBe(502)
  await proxy.close()
})

/** What a line of HTTP can hold, as a browser would write it. */
function inAscii(url: string): string {
  return url.replace(/[^\x21-\x7e]/g, encodeURIComponent)
}

function credential({ username, password }: ForwardProxy): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function viaProxy(proxy: ForwardProxy, url: string, headers: Record<string, string> = {}) {
  const sent = request({
    host: '127.0.0.1',
    port: proxy.port,
    path: inAscii(url),
    headers: { host: 'ignored.test', 'proxy-authorization': credential(proxy), ...headers },
    agent: false,
  })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { response, body: await text(response) }
}

async function tunnel(proxy: ForwardProxy, authority: string): Promise<{ status: number; socket: Socket }> {
  const socket = connect(proxy.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`CONNECT ${inAscii(authority)} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${credential(proxy)}\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  return { status: Number(first.toString('latin1').split(' ')[1]), socket }
}
