import { expect, test } from 'vitest'
import { openWebServer } from '../../../support/web-server.ts'
import { guarded, refusalOf } from './guarded.ts'

const [loopback, own] = ['network.address.loopback', 'network.address.private']
const linkLocal = 'network.address.linkLocal'
const [reserved, embedded] = ['network.address.reserved', 'network.address.embedded']
const [metadata, unspecified] = ['network.address.metadata', 'network.address.unspecified']

/** Hosts as an attacker writes them, each with what refuses it. All of them are asked on the port of the secret. */
const hosts: readonly [host: string, rule: string][] = [
  // This machine, in every spelling.
  ['127.0.0.1', loopback],
  ['127.0.0.1.', loopback],
  ['127.1', loopback],
  ['127.0.1', loopback],
  ['127.255.255.254', loopback],
  ['2130706433', loopback],
  ['017700000001', loopback],
  ['0x7f000001', loopback],
  ['0x7f.1', loopback],
  ['0x7F.0x0.0x0.0x1', loopback],
  ['0177.0.0.1', loopback],
  ['0177.0.0.01', loopback],
  ['127。0。0。1', loopback],
  ['127．0．0．1', loopback],
  ['127｡0｡0｡1', loopback],
  ['１２７.0.0.1', loopback],
  ['①②⑦.0.0.1', loopback],
  ['%31%32%37.0.0.1', loopback],
  ['127.0.0.%31', loopback],
  ['localhost', loopback],
  ['LOCALHOST', loopback],
  ['localhost.', loopback],
  ['ｌｏｃａｌｈｏｓｔ', loopback],
  ['ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', loopback],
  ['lo\u00adcalhost', loopback],
  ['any.localhost', loopback],
  ['[::1]', loopback],
  ['[0:0:0:0:0:0:0:1]', loopback],
  ['[0000::0001]', loopback],
  ['0', unspecified],
  ['0.0.0.0', unspecified],
  ['0.1.2.3', unspecified],
  ['0x0', unspecified],
  ['[::]', unspecified],
  // IPv4 inside IPv6.
  ['[::ffff:127.0.0.1]', embedded],
  ['[::ffff:7f00:1]', embedded],
  ['[0:0:0:0:0:ffff:127.0.0.1]', embedded],
  ['[::ffff:8.8.8.8]', embedded],
  ['[::127.0.0.1]', embedded],
  ['[::7f00:1]', embedded],
  ['[::ffff:0:127.0.0.1]', embedded],
  ['[64:ff9b::127.0.0.1]', embedded],
  ['[64:ff9b::10.0.0.1]', embedded],
  ['[64:ff9b:1::1]', embedded],
  ['[2002:7f00:1::]', embedded],
  ['[2002:a00:1::1]', embedded],
  ['[2001:0:7f00:1::]', embedded],
  ['[2001::1]', embedded],
  // Networks behind the gateway.
  ['10.0.0.1', own],
  ['10.255.255.255', own],
  ['012.0.0.1', own],
  ['172.16.0.1', own],
  ['172.31.255.254', own],
  ['192.168.0.1', own],
  ['3232235777', own],
  ['0xc0a80101', own],
  ['[fc00::1]', own],
  ['[fd12:3456:789a::1]', own],
  ['[fec0::1]', own],
  ['100.64.0.1', 'network.address.carrierGradeNat'],
  ['100.127.255.255', 'network.address.carrierGradeNat'],
  ['169.254.0.1', linkLocal],
  ['[fe80::1]', linkLocal],
  ['[febf::1]', linkLocal],
  // Credentials of clouds.
  ['169.254.169.254', metadata],
  ['169.254.169.254.', metadata],
  ['2852039166', metadata],
  ['0xa9fea9fe', metadata],
  ['0251.0376.0251.0376', metadata],
  ['169.254.43518', metadata],
  ['169.254.170.2', metadata],
  ['100.100.100.200', metadata],
  ['168.63.129.16', metadata],
  ['[fd00:ec2::254]', metadata],
  ['[fd00:0ec2:0:0:0:0:0:254]', metadata],
  ['[fd20:ce::254]', metadata],
  ['[::ffff:169.254.169.254]', embedded],
  ['[::ffff:a9fe:a9fe]', embedded],
  // Neither a machine nor a network.
  ['224.0.0.1', 'network.address.multicast'],
  ['239.255.255.250', 'network.address.multicast'],
  ['255.255.255.255', 'network.address.broadcast'],
  ['[ff02::1]', 'network.address.multicast'],
  ['240.0.0.1', reserved],
  ['192.0.0.1', reserved],
  ['192.0.2.1', reserved],
  ['192.88.99.1', reserved],
  ['198.18.0.1', reserved],
  ['198.19.255.255', reserved],
  ['198.51.100.1', reserved],
  ['203.0.113.1', reserved],
  ['[100::1]', reserved],
  ['[2001:2::1]', reserved],
  ['[2001:db8::1]', reserved],
  ['[3fff::1]', reserved],
  ['[5f00::1]', reserved],
  ['[4000::1]', reserved],
  ['[e000::1]', reserved],
]

/** Whole URLs; `PORT` is that of the secret. */
const urls: readonly [url: string, rule: string][] = [
  ['http://user@127.0.0.1:PORT/', 'network.credentials'],
  ['http://user:password@public.test:PORT/', 'network.credentials'],
  ['http://public.test:80@127.0.0.1:PORT/', 'network.credentials'],
  ['http://:password@public.test/', 'network.credentials'],
  ['http://public.test#@127.0.0.1:PORT/', 'network.address.reserved'],
  ['http://127.0.0.1:PORT\\@public.test/', 'INVALID_MESSAGE'],
  ['http:\\\\127.0.0.1:PORT/', 'INVALID_MESSAGE'],
  ['http://127.0.0.1:PORT/\r\nHost: other', 'INVALID_MESSAGE'],
  ['http://127.0.0.1\t:PORT/', 'INVALID_MESSAGE'],
  ['http://127.0.0.1%00.public.test:PORT/', 'INVALID_MESSAGE'],
  [' http://127.0.0.1:PORT/', 'INVALID_MESSAGE'],
  ['//127.0.0.1:PORT/', 'INVALID_MESSAGE'],
  ['127.0.0.1:PORT', 'INVALID_MESSAGE'],
  ['http:127.0.0.1:PORT/', loopback],
  ['http:///127.0.0.1:PORT/', loopback],
  ['http://', 'INVALID_MESSAGE'],
  ['', 'INVALID_MESSAGE'],
  [`http://${'a'.repeat(9_000)}.test/`, 'INVALID_MESSAGE'],
  ['http://a..test:PORT/', 'INVALID_MESSAGE'],
  ['http://[fe80::1%25lo]:PORT/', 'INVALID_MESSAGE'],
  ['http://256.256.256.256:PORT/', 'INVALID_MESSAGE'],
  ['http://1.2.3.4.5:PORT/', 'INVALID_MESSAGE'],
  ['file:///etc/passwd', 'network.scheme'],
  ['file://127.0.0.1/etc/passwd', 'network.scheme'],
  ['ftp://127.0.0.1:PORT/', 'network.scheme'],
  ['gopher://127.0.0.1:PORT/_GET', 'network.scheme'],
  ['dict://127.0.0.1:PORT/', 'network.scheme'],
  ['ws://127.0.0.1:PORT/', 'network.scheme'],
  ['data:text/html,hello', 'network.scheme'],
  ['javascript:alert(1)', 'network.scheme'],
  ['blob:http://127.0.0.1:PORT/x', 'network.scheme'],
  ['view-source:http://127.0.0.1:PORT/', 'network.scheme'],
  ['http://public.test:22/', 'network.port'],
  ['http://public.test:25/', 'network.port'],
  ['http://public.test:6379/', 'network.port'],
  ['http://public.test:65535/', 'network.port'],
  ['http://public.test:0/', 'network.port'],
  ['http://127.0.0.1:5432/', 'network.port'],
  ['http://denied.test:PORT/', 'network.denied'],
  ['http://DENIED.test.:PORT/', 'network.denied'],
  ['http://below.denied.test:PORT/', 'network.denied'],
  ['http://named.test:PORT/', 'network.denied'],
  ['http://none-such.test:PORT/', 'NOT_FOUND'],
]

/** Names with what their owner makes of them. */
const names: readonly [name: string, records: { a?: string[]; aaaa?: string[]; aliases?: string[] }, rule: string][] = [
  ['loopback.test', { a: ['127.0.0.1'] }, loopback],
  ['loopback6.test', { aaaa: ['::1'] }, loopback],
  ['mapped.test', { aaaa: ['::ffff:127.0.0.1'] }, embedded],
  ['compatible.test', { aaaa: ['::127.0.0.1'] }, embedded],
  ['nat64.test', { aaaa: ['64:ff9b::7f00:1'] }, embedded],
  ['private.test', { a: ['192.168.1.1'] }, own],
  ['metadata.test', { a: ['169.254.169.254'] }, metadata],
  ['any.test', { a: ['0.0.0.0'] }, unspecified],
  ['mixed.test', { a: ['93.184.216.34', '127.0.0.1'] }, loopback],
  ['mixed-last.test', { a: ['93.184.216.34', '93.184.216.35', '10.0.0.1'] }, own],
  ['mixed-kinds.test', { a: ['93.184.216.34'], aaaa: ['::1'] }, loopback],
  ['alias.test', { aliases: ['harmless.test'], a: ['127.0.0.1'] }, loopback],
  ['long-alias.test', { aliases: ['a.test', 'b.test', 'c.test', 'd.test'], a: ['10.1.2.3'] }, own],
  ['to-localhost.test', { aliases: ['localhost'], a: ['127.0.0.1'] }, loopback],
  ['many.test', { a: Array.from({ length: 200 }, (_, at) => `93.184.216.${at}`) }, 'network.answer'],
  ['empty.test', {}, 'NOT_FOUND'],
]

test('no spelling of an address, no URL and no answer of a DNS server leads to a place behind the gateway', async () => {
  await using secret = await openWebServer((_request, response) => response.end('secret'))
  await using net = await guarded({
    'network.ports': [80, 443, secret.port],
    'network.denyHosts': ['denied.test', '*.denied.test', '93.184.216.99'],
  })
  net.dns.set('public.test', { a: ['198.51.100.7'] })
  net.dns.set('named.test', { a: ['93.184.216.99'] })
  for (const name of ['denied.test', 'below.denied.test']) net.dns.set(name, { a: ['93.184.216.34'] })
  for (const [name, records] of names) net.dns.set(name, records)
  const cases = [
    ...hosts.map(([host, rule]) => [`http://${host}:${secret.port}/`, rule] as const),
    ...urls.map(([url, rule]) => [url.replace('PORT', String(secret.port)), rule] as const),
    ...names.map(([name, , rule]) => [`http://${name}:${secret.port}/`, rule] as const),
  ]
  const passed: string[] = []
  let refused = 0
  for (const [url, rule] of cases) {
    const found = await refusalOf(net.get(url, { timeoutMs: 20_000 }))
    if (found === rule) refused += 1
    else passed.push(`${url.slice(0, 100)}: ${found} instead of ${rule}`)
  }
  console.log(`network attacks: ${cases.length} tried, ${refused} refused`)
  expect(passed).toEqual([])
  expect(secret.connections()).toBe(0)
  expect(cases.length).toBeGreaterThanOrEqual(150)
})
