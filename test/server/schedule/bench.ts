import type { Scope } from '../../../src/protocol/shapes.ts'
import { loadConfig } from '../../../src/server/config.ts'
import { openLog } from '../../../src/server/log.ts'
import type { Schedule } from '../../../src/server/record.ts'
import { createSchedules, type GatewaySchedules } from '../../../src/server/schedule.ts'
import type { Config } from '../../../src/server/settings.ts'
import { temporaryStore } from '../../support/store.ts'
import { type OwnClock, ownClock } from './own-clock.ts'

/** Schedules on a real store and a clock of the test's own. */
export interface Bench extends AsyncDisposable {
  clock: OwnClock
  store: Awaited<ReturnType<typeof temporaryStore>>['store']
  schedules: GatewaySchedules
  /** Sessions that were woken, in order. */
  woken: string[]
  lines: string[]
  scopes: Set<Scope>
  /** Adds one of the token "t", into a new session each time. */
  add(cron: string, more?: { timezone?: string; sessionId?: string; name?: string }): Promise<string>
  /** Lets time go by, and waits until what follows from it is done. */
  pass(ms: number): Promise<void>
  /** Ends every run that was begun, as the agent would. */
  endRuns(state?: 'done' | 'failed'): Promise<number>
  /** When its messages were due, oldest first. */
  sentAt(id: string): Promise<string[]>
  one(id: string): Promise<Schedule>
  /** The same after a stop: nothing of its memory is left. */
  restarted(): Promise<GatewaySchedules>
}

export async function bench(start: string, changes: Partial<Config> = {}): Promise<Bench> {
  const { store, home, dispose } = await temporaryStore()
  const clock = ownClock(start)
  const lines: string[] = []
  const woken: string[] = []
  const scopes = new Set<Scope>(['read', 'chat', 'tools'])
  const config = { ...loadConfig({ home, env: {} }).values, 'schedule.timezone': 'UTC', ...changes }
  const log = openLog({ level: 'info', write: line => lines.push(line) })
  let count = 0
  const open = () =>
    createSchedules({
      ...{ store, config, log, clock, after: clock.after, newId: () => `id-${String(++count).padStart(6, '0')}` },
      auth: { scopesOf: async () => scopes },
      runs: { wake: sessionId => woken.push(sessionId) },
      lifecycle: { draining: () => false, held: () => undefined },
      audit: {
        entry: (event, actor) => ({ ...entryOf(event.action, event.target), at: clock.now(), tokenId: actor.tokenId }),
      },
    })
  const bench: Bench = {
    clock,
    store,
    woken,
    lines,
    scopes,
    schedules: open(),
    async add(cron, { timezone, sessionId = null, name } = {}) {
      const rights = { tokenId: 't', profile: 'workspace', tainted: false } as const
      const wanted = { text: `text of ${name ?? cron}`, cron, timezone, name, sessionId, ...rights }
      return (await bench.schedules.add(wanted)).schedule.id
    },
    async pass(ms) {
      clock.advance(ms)
      await bench.schedules.start()
    },
    async endRuns(state = 'done') {
      const runs = await store.unfinishedRuns()
      const at = clock.now()
      const ends = runs.map(({ id: runId }) => [store.startRun({ runId, at }), store.finishRun({ runId, state, at })])
      await Promise.all(ends.flat())
      await bench.schedules.start()
      return runs.length
    },
    async sentAt(id) {
      const { runs } = await bench.schedules.get(id)
      return runs.map(({ dueAt }) => new Date(dueAt).toISOString()).toReversed()
    },
    one: async id => (await bench.schedules.get(id)).schedule,
    async restarted() {
      await bench.schedules.stop()
      bench.schedules = open()
      await bench.schedules.start()
      return bench.schedules
    },
    async [Symbol.asyncDispose]() {
      await bench.schedules.stop()
      await dispose()
    },
  }
  await bench.schedules.start()
  return bench
}

function entryOf(action: string, target: string | undefined) {
  const nowhere = { channel: 'gateway', address: null, userAgent: null } as const
  return { action, target: target ?? null, outcome: 'ok' as const, details: null, ...nowhere }
}
