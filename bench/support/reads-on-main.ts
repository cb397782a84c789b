import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { guardReads } from '../../src/db/sqlite/guard.ts'
import { heavyReads } from '../../src/db/sqlite/heavy-reads.ts'
import { openReader } from '../../src/db/sqlite/open.ts'

// The plain way to a sum over a million rows: the gateway's own read, in the thread that serves the sockets.
const connection = openReader(process.argv[2] ?? '')
guardReads(connection, () => undefined)

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', socket =>
  socket.on('message', data => {
    const { id, type, payload } = JSON.parse(data.toString())
    const answer = type === 'usage' ? heavyReads.usage(connection, payload, () => undefined) : {}
    socket.send(JSON.stringify({ id: `r-${id}`, type: 'pong', replyTo: id, payload: answer }))
  }),
)
server.on('listening', () => console.log((server.address() as AddressInfo).port))
process.on('SIGTERM', () => process.exit(0))
