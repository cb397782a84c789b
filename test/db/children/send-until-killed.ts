import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import { migrationsDir } from '../../support/store.ts'

// Sends messages, so many at once, and says the id of each that was acknowledged, until it is killed.
const [file = '', prefix = '', lanes = '1', textLength = '100', checkpointPages = '4000'] = process.argv.slice(2)
const store = await openSqliteStore({ file, migrationsDir, checkpointPages: Number(checkpointPages) })
if (!(await store.getSession('s'))) await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })

async function send(lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const messageId = `${prefix}-${lane}-${count}`
    const text = 'x'.repeat(Number(textLength))
    await store.sendMessage({ target: { sessionId: 's' }, messageId, runId: messageId, text, tokenId: 't', at: count })
    process.stdout.write(`${messageId}\n`)
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, (_, lane) => send(lane)))
