import { openSqliteStore } from '../../../../src/db/sqlite/engine.ts'
import { loadConfig } from '../../../../src/server/config.ts'
import { openLog } from '../../../../src/server/log.ts'
import { createSchedules } from '../../../../src/server/schedule.ts'
import { migrationsDir } from '../../../support/store.ts'
import { ownClock } from '../own-clock.ts'

// Keeps a schedule that is due each minute, on a clock of its own that goes on by itself, until it is killed.
const [file = '', home = '', start = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, home, migrationsDir })
const clock = ownClock(start)
const config = { ...loadConfig({ home, env: {} }).values, 'schedule.timezone': 'UTC' }
const unique = `${process.pid}-`
let count = 0
const schedules = createSchedules({
  ...{ store, config, clock, after: clock.after, newId: () => `${unique}${++count}` },
  log: openLog({ level: 'fatal', write: () => undefined }),
  auth: { scopesOf: async () => new Set(['chat'] as const) },
  runs: { wake: () => undefined },
  lifecycle: { draining: () => false, held: () => undefined },
  audit: {
    entry() {
      throw new Error('Nobody does anything here.')
    },
  },
})
await schedules.start()
const [known] = await schedules.list()
const rights = { tokenId: 't', profile: 'workspace', tainted: false } as const
if (!known) await schedules.add({ text: 'x', cron: '* * * * *', sessionId: null, ...rights })
for (;;) {
  // To the next minute: none is missed, so that whatever is not there was lost.
  clock.advance(60_000)
  await schedules.start()
  for (const { id: runId } of await store.unfinishedRuns()) {
    await store.finishRun({ runId, state: 'done', at: clock.now() })
  }
  process.stdout.write(`${new Date(clock.now()).toISOString()}\n`)
}
