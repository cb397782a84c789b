import { execFileSync } from 'node:child_process'
import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import { TalonError } from '../../../src/protocol/errors.ts'
import { migrationsDir } from '../../support/store.ts'

// Runs under a limit on the size of files, writes until that is reached, lifts it, and writes again.
const [file = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, migrationsDir })
await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })

function send(name: string) {
  return store.sendMessage({
    target: { sessionId: 's' },
    messageId: name,
    runId: `run-${name}`,
    text: 'x'.repeat(20_000),
    tokenId: 'token',
    at: 1,
  })
}

let stored = 0
let refusal: unknown
while (refusal === undefined) {
  await send(`m${stored}`).then(
    () => stored++,
    thrown => {
      refusal = thrown
    },
  )
}
// Where a message has no place, a few pages may have one still.
let probe = 'ok'
while (probe === 'ok') {
  probe = await store.probe({ at: 2 }).then(
    () => 'ok',
    thrown => (thrown instanceof TalonError ? thrown.code : String(thrown)),
  )
}
const read = await store.getHead('s')
execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:unlimited'])
const after = await send('after')
await store.close()
const code = refusal instanceof TalonError ? refusal.code : String(refusal)
process.stdout.write(JSON.stringify({ stored, code, probe, read, after }))
