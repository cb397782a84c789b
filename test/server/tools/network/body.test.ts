import type { Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openTcpServer, openWebServer } from '../../../support/web-server.ts'
import { guarded, refusalOf } from './guarded.ts'

test('what a small body grows to is cut at the bound, by every encoding', async () => {
  const zeros = Buffer.alloc(16 * 1_048_576)
  const bombs: Record<string, Buffer> = {
    gzip: gzipSync(zeros),
    deflate: deflateSync(zeros),
    br: brotliCompressSync(zeros),
    zstd: zstdCompressSync(zeros),
    'gzip, gzip': gzipSync(gzipSync(zeros)),
    'gzip, br': brotliCompressSync(gzipSync(zeros)),
  }
  await using server = await openWebServer(({ url = '' }, response) => {
    const encoding = decodeURIComponent(url.slice(1))
    response.writeHead(200, { 'content-encoding': encoding }).end(bombs[encoding])
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  for (const encoding of Object.keys(bombs)) {
    const { body, truncated } = await net.get(`${server.url}/${encodeURIComponent(encoding)}`, { maxBytes: 100_000 })
    expect({ encoding, length: body.length, truncated }).toEqual({ encoding, length: 100_000, truncated: true })
  }
})

test('every encoding is undone, also deflate without its frame', async () => {
  const text = 'some text '.repeat(100)
  const bodies: Record<string, Buffer> = {
    gzip: gzipSync(text),
    'x-gzip': gzipSync(text),
    deflate: deflateSync(text),
    raw: deflateRawSync(text),
    br: brotliCompressSync(text),
    zstd: zstdCompressSync(text),
    identity: Buffer.from(text),
    'deflate, gzip': gzipSync(deflateSync(text)),
  }
  await using server = await openWebServer(({ url = '' }, response) => {
    const encoding = decodeURIComponent(url.slice(1))
    response.writeHead(200, { 'content-encoding': encoding === 'raw' ? 'deflate' : encoding }).end(bodies[encoding])
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  for (const encoding of Object.keys(bodies)) {
    const { body, truncated } = await net.get(`${server.url}/${encodeURIComponent(encoding)}`)
    expect({ encoding, same: body.toString() === text, truncated }).toEqual({ encoding, same: true, truncated: false })
  }
})

test('an encoding that is wrong, unknown or piled up is an error', async () => {
  const encodings = ['gzip', 'deflate', 'br', 'zstd', 'compress', 'gzip, gzip, gzip']
  await using server = await openWebServer(({ url = '' }, response) => {
    response.writeHead(200, { 'content-encoding': decodeURIComponent(url.slice(1)) }).end('not compressed at all')
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  for (const encoding of encodings) {
    expect([encoding, await refusalOf(net.get(`${server.url}/${encodeURIComponent(encoding)}`))]).toEqual([
      encoding,
      'PROVIDER_ERROR',
    ])
  }
})

test('a body without end is cut, and its connection ends', async () => {
  const gone = Promise.withResolvers<void>()
  await using server = await openWebServer((_request, response) => {
    const chunk = Buffer.alloc(65_536, 'a')
    const more = () => {
      while (response.write(chunk)) {}
    }
    response.on('drain', more)
    response.on('close', gone.resolve)
    more()
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  const { body, truncated } = await net.get(server.url, { maxBytes: 500_000 })
  expect({ length: body.length, truncated }).toEqual({ length: 500_000, truncated: true })
  await gone.promise
})

test('compressed bytes that never become anything are bounded too', async () => {
  // Empty blocks: each is valid, and none has a byte of output.
  const block = Buffer.alloc(5 * 10_000, Buffer.from([0, 0, 0, 0xff, 0xff]))
  await using server = await openWebServer((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).write(Buffer.from('1f8b0800000000000003', 'hex'))
    const more = () => {
      while (response.write(block)) {}
    }
    response.on('drain', more)
    more()
  })
  await using net = await guarded({ 'network.allowHosts': [`127.0.0.1:${server.port}`] })
  expect(await refusalOf(net.get(server.url, { maxBytes: 1_000 }))).toBe('TOO_LARGE')
})

test('a server that is slow on purpose runs into the time of the whole request', async () => {
  const drip = (text: string) => (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    const timer = setInterval(() => socket.write(text), 20)
    socket.on('close', () => clearInterval(timer))
  }
  await using headers = await openTcpServer(drip('X-More: a\r\n'))
  await using body = await openTcpServer(drip('\r\na'))
  await using silent = await openTcpServer(() => {})
  await using net = await guarded({ 'network.allowHosts': ['127.0.0.1'] })
  net.config['network.ports'] = [headers.port, body.port, silent.port]
  for (const { url } of [headers, body, silent]) {
    expect(await refusalOf(net.get(url, { timeoutMs: 300 }))).toBe('TIMEOUT')
  }
})
