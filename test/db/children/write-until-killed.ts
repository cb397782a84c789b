import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import { migrationsDir } from '../../support/store.ts'

// Sends messages to several sessions at once and says each that was acknowledged, until it is killed.
const [file = '', round = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, migrationsDir })
const sessions = Array.from({ length: 8 }, (_, index) => `session-${index}`)
for (const id of sessions) {
  if (!(await store.getSession(id))) await store.createSession({ id, senderId: id, channel: 'test', at: 1 })
}

async function send(sessionId: string, lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const name = `${round}-${sessionId}-${lane}-${count}`
    const { messageId, seq } = await store.sendMessage({
      target: { sessionId },
      messageId: `message-${name}`,
      runId: `run-${name}`,
      text: `text ${name} `.repeat(20),
      tokenId: 'token',
      at: count,
      request: { tokenId: 'token', requestId: name, hash: name },
    })
    process.stdout.write(`${sessionId} ${messageId} ${seq}\n`)
  }
}

await Promise.all(sessions.flatMap(id => [0, 1, 2, 3].map(lane => send(id, lane))))
