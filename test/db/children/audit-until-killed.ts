import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import { migrationsDir } from '../../support/store.ts'

// Writes entries of the audit trail beside sessions that come and go, and says each head that was acknowledged, until it
// is killed.
const [file = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, migrationsDir })
const cut = { messageId: 'cut' }
const common = { tokenId: null, channel: 'cli', address: null, userAgent: null, outcome: 'ok', details: null } as const

async function work(lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const sessionId = `${process.pid}-${lane}-${count}`
    await store.createSession({ id: sessionId, senderId: sessionId, channel: 'test', at: 1 })
    const audit = { ...common, at: count, action: 'session.delete', target: sessionId }
    await store.deleteSession({ sessionId, at: count, cut, audit })
    await store.recordAudit({ ...common, at: count, action: 'test', target: sessionId })
    const { hash } = await store.auditHead()
    process.stdout.write(`${sessionId} ${hash}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, lane) => work(lane)))
