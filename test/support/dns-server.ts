import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type Answer, decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet'

/** What a name has. `never` leaves the question without an answer; `bytes` is sent instead of one. */
export interface DnsRecords {
  a?: readonly string[]
  aaaa?: readonly string[]
  /** Names that lead from the one asked for to the one that has the addresses. */
  aliases?: readonly string[]
  failure?: 'SERVFAIL' | 'REFUSED'
  never?: true
  bytes?: Buffer
}

/** A real DNS server on loopback, over UDP and TCP, whose answers a test can change at any time. */
export interface DnsServer extends AsyncDisposable {
  /** As the setting `network.dnsServers` takes it. */
  address: string
  /** Sets what a name has; a function is asked at each look-up, with how often it was looked up before. */
  set(name: string, records: DnsRecords | ((before: number) => DnsRecords)): void
  /** How often the addresses of a name were asked for. */
  asked(name: string): number
}

/** What fits into a datagram that every resolver takes. */
const maxDatagramBytes = 1_232

export async function openDnsServer(): Promise<DnsServer> {
  const names = new Map<string, (before: number) => DnsRecords>()
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const udp = createSocket('udp4')
  const tcp = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', data => {
      const reply = answer(streamDecode(data))
      if (reply && !Buffer.isBuffer(reply)) socket.write(streamEncode(reply))
    })
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const address = tcp.address()
  const port = typeof address === 'object' && address ? address.port : 0
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')
  udp.on('message', (message, from) => {
    const query = decode(message)
    const reply = answer(query)
    if (!reply) return
    if (Buffer.isBuffer(reply)) return udp.send(reply, from.port, from.address)
    const bytes = encode(reply)
    // The resolver asks again over TCP.
    const cut = { ...reply, answers: [], flags: (reply.flags ?? 0) | 0x200 }
    udp.send(bytes.length > maxDatagramBytes ? encode(cut) : bytes, from.port, from.address)
  })

  function answer(query: Packet): Packet | Buffer | undefined {
    const question = query.questions?.[0]
    const name = question?.name.toLowerCase() ?? ''
    const type = question?.type
    // Both kinds of one look-up get the answer of the same moment.
    const key = `${name} ${type}`
    const before = counts.get(key) ?? 0
    counts.set(key, before + 1)
    const records = names.get(name)?.(before)
    if (records?.never) return undefined
    if (records?.bytes) return records.bytes
    const code = records === undefined ? 3 : records.failure === 'SERVFAIL' ? 2 : records.failure === 'REFUSED' ? 5 : 0
    const chain = [name, ...(records?.aliases ?? [])]
    const aliases = chain
      .slice(1)
      .map((data, at): Answer => ({ type: 'CNAME', class: 'IN', ttl: 0, name: chain[at] ?? name, data }))
    const last = chain.at(-1) ?? name
    const wanted = (type === 'A' ? records?.a : type === 'AAAA' ? records?.aaaa : undefined) ?? []
    const found = wanted.map(
      (data): Answer => ({ type: type === 'A' ? 'A' : 'AAAA', class: 'IN', ttl: 0, name: last, data }),
    )
    const questions = query.questions ?? []
    return { type: 'response', id: query.id ?? 0, flags: 0x180 | code, questions, answers: [...aliases, ...found] }
  }

  return {
    address: `127.0.0.1:${port}`,
    set: (name, records) => void names.set(name, typeof records === 'function' ? records : () => records),
    asked: name => Math.max(counts.get(`${name} A`) ?? 0, counts.get(`${name} AAAA`) ?? 0),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')])
      udp.close()
      tcp.close()
      await closed
    },
  }
}
