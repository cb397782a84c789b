import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { WebSocketServer } from 'ws'

// The plain way to a durable acknowledgement: a transaction per message, in the thread that serves the sockets.
const database = new Database(join(process.argv[2] ?? '.', 'plain.sqlite3'))
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
database.exec(`
  CREATE TABLE sessions (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, last_active_at INTEGER NOT NULL) STRICT;
  CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, seq INTEGER NOT NULL, content TEXT NOT NULL,
    timestamp INTEGER NOT NULL, request_id TEXT UNIQUE, UNIQUE (session_id, seq)) STRICT;
`)
const bump = database.prepare(
  `INSERT INTO sessions VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE SET seq = seq + 1, last_active_at = excluded.last_active_at RETURNING seq`,
)
const insert = database.prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)')
const store = database.transaction((id: string, sessionId: string, text: string) => {
  const { seq } = bump.get(sessionId, Date.now()) as { seq: number }
  insert.run(`m-${id}`, sessionId, seq, text, Date.now(), id)
  return seq
})

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', socket =>
  socket.on('message', data => {
    const { id, payload } = JSON.parse(data.toString())
    const seq = store(id, payload.sessionId, payload.text)
    socket.send(JSON.stringify({ id: `r-${id}`, type: 'session.accepted', replyTo: id, payload: { seq } }))
  }),
)
server.on('listening', () => console.log((server.address() as AddressInfo).port))
process.on('SIGTERM', () => process.exit(0))
