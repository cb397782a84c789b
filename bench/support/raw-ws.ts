import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

// The ceiling: `ws` alone, which sends every message back as it came.
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', socket => socket.on('message', data => socket.send(data.toString())))
server.on('listening', () => console.log((server.address() as AddressInfo).port))
process.on('SIGTERM', () => process.exit(0))
