import { expect, test } from 'vitest'
import { openWebServer } from '../../../support/web-server.ts'
import { guarded, refusalOf } from './guarded.ts'

test('a list names hosts by name, address or network, with a port or for the usual ports', async () => {
  await using server = await openWebServer((_request, response) => response.end())
  const { port } = server
  await using net = await guarded()
  net.dns.set('a.lan', { a: ['127.0.0.1'] })
  net.dns.set('b.a.lan', { a: ['127.0.0.1'] })
  const rows: [rule: string, allowed: string[], refused: string[]][] = [
    ['a.lan', ['a.lan'], ['b.a.lan', '127.0.0.1', 'localhost']],
    ['A.LAN.', ['a.lan'], ['b.a.lan']],
    ['*.a.lan', ['b.a.lan'], ['a.lan']],
    ['127.0.0.1', ['a.lan', '127.0.0.1', '2130706433'], ['[::1]', 'localhost', '127.0.0.2']],
    ['127.0.0.0/8', ['127.0.0.1', 'a.lan'], ['[::ffff:127.0.0.1]']],
    [`127.0.0.1:${port}`, ['127.0.0.1'], ['127.0.0.2']],
    ['127.0.0.1:81', [], ['127.0.0.1']],
    ['0.0.0.0/0', ['127.0.0.1'], ['0.0.0.0', '169.254.169.254', '255.255.255.255', '[::1]']],
    ['169.254.169.254:80', [], ['127.0.0.1']],
  ]
  net.config['network.ports'] = [port]
  for (const [rule, allowed, refused] of rows) {
    net.config['network.allowHosts'] = [rule]
    for (const host of [...allowed, ...refused]) {
      const found = await refusalOf(net.network.resolve(`http://${host}:${port}/`))
      expect({ rule, host, allowed: found === undefined }).toEqual({ rule, host, allowed: allowed.includes(host) })
    }
  }
})

test('a metadata service is reached only where its exact address is listed', async () => {
  await using net = await guarded({ 'network.allowHosts': ['metadata.test', '169.254.0.0/16'] })
  net.dns.set('metadata.test', { a: ['169.254.169.254'] })
  expect(await refusalOf(net.network.resolve('http://metadata.test/'))).toBe('network.address.metadata')
  expect(await refusalOf(net.network.resolve('http://169.254.169.254/'))).toBe('network.address.metadata')
  net.config['network.allowHosts'] = ['169.254.169.254']
  expect(await net.network.resolve('http://169.254.169.254/')).toMatchObject({ rule: 'network.allowHosts' })
})
