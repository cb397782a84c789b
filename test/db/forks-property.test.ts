import Database from 'better-sqlite3'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { LogEntry } from '../../src/db/store.ts'
import { temporaryStore } from '../support/store.ts'

const seed = 20_261_123
const runs = 15
const stepsPerRun = 60

/** What a session should be, kept in the simplest way: a fork copies the list. */
interface Model {
  id: string
  /** Ids of messages; the last is the current epoch. */
  epochs: string[][]
  deleted: boolean
}

// Numbers in a step choose among what there is at that moment.
const some = fc.nat(1_000)
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('create' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      who: some,
      turns: fc.integer({ min: 1, max: 4 }),
      tool: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('fork' as const), who: some, epoch: some, at: some }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reset' as const), who: some }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), who: some }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), who: some }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('erase' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('page' as const),
      who: some,
      epoch: some,
      from: some,
      limit: fc.integer({ min: 1, max: 7 }),
      up: fc.boolean(),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

class World {
  readonly sessions: Model[] = []
  #store: SqliteStore
  #count = 0

  constructor(store: SqliteStore) {
    this.#store = store
  }

  get visible(): Model[] {
    return this.sessions.filter(({ deleted }) => !deleted)
  }

  async obey(step: Step): Promise<void> {
    if (step.do === 'create') return this.#create()
    if (step.do === 'erase') return this.#erase()
    const from = step.do === 'restore' ? this.sessions : this.visible
    const model = from[step.who % Math.max(1, from.length)]
    if (!model) return
    const epoch = 'epoch' in step ? (step.epoch % model.epochs.length) + 1 : model.epochs.length
    const log = model.epochs[epoch - 1] ?? []
    const cut = { messageId: this.#next('cut') }
    if (step.do === 'send') for (let turn = 0; turn < step.turns; turn++) await this.#turn(model, step.tool)
    if (step.do === 'fork') await this.#fork(model, epoch, step.at % (log.length + 1))
    if (step.do === 'reset') {
      await this.#store.resetSession({ sessionId: model.id, at: 1, cut })
      model.epochs.push([])
    }
    if (step.do === 'delete') {
      await this.#store.deleteSession({ sessionId: model.id, at: 1, cut })
      model.deleted = true
    }
    if (step.do === 'restore') {
      await this.#store.restoreSession({ sessionId: model.id, at: 1 })
      model.deleted = false
    }
    if (step.do === 'page') await this.#page(model, epoch, step)
  }

  /** Every epoch of every session is what it should be. */
  async check(): Promise<void> {
    for (const { id, epochs } of this.visible) {
      expect(await this.#store.getSession(id)).toMatchObject({ epoch: epochs.length, seq: epochs.at(-1)?.length })
      for (const [index, log] of epochs.entries()) {
        const all = await this.#store.history({ sessionId: id, epoch: index + 1, after: 0, limit: 1e4, maxBytes: 1e9 })
        expect(places(all.entries)).toEqual(log.map((messageId, at) => `${id} ${index + 1}.${at + 1} ${messageId}`))
      }
    }
    expect((await this.#store.listSessions({ limit: 200 })).sessions.map(({ id }) => id).toSorted()).toEqual(
      this.visible.map(({ id }) => id).toSorted(),
    )
  }

  async #create(): Promise<void> {
    const id = this.#next('session')
    await this.#store.createSession({ id, senderId: 'ann', channel: 'web', at: 1 })
    this.sessions.push({ id, epochs: [[]], deleted: false })
  }

  /** A question and what it leads to: its run ends, or waits. */
  async #turn({ id: sessionId, epochs }: Model, tool: boolean): Promise<void> {
    const [messageId, runId, callId] = [this.#next('question'), this.#next('run'), this.#next('call')]
    const log = epochs.at(-1)
    await this.#store.sendMessage({ target: { sessionId }, messageId, runId, text: messageId, tokenId: 't', at: 1 })
    log?.push(messageId)
    if (this.#count % 5 === 0) return
    await this.#store.startRun({ runId, at: 1 })
    if (tool) {
      const [calls, result] = [this.#next('calls'), this.#next('result')]
      const toolCalls = [{ id: callId, name: 'file_list', args: {} }]
      await this.#store.appendToolCalls({ runId, messageId: calls, content: '', toolCalls, at: 1 })
      await this.#store.appendToolResult({ runId, messageId: result, toolCallId: callId, content: 'none', at: 1 })
      log?.push(calls, result)
    }
    const message = { id: this.#next('answer'), content: 'so', incomplete: false }
    await this.#store.finishRun({ runId, state: 'done', message, at: 1 })
    log?.push(message.id)
  }

  async #fork(model: Model, epoch: number, atSeq: number): Promise<void> {
    const id = this.#next('fork')
    await this.#store.forkSession({ id, sessionId: model.id, epoch, atSeq, at: 1 })
    this.sessions.push({ id, epochs: [(model.epochs[epoch - 1] ?? []).slice(0, atSeq)], deleted: false })
  }

  async #erase(): Promise<void> {
    await this.#store.eraseDeleted({ before: 2 })
    this.sessions.splice(0, this.sessions.length, ...this.visible)
  }

  async #page({ id, epochs }: Model, epoch: number, step: Extract<Step, { do: 'page' }>): Promise<void> {
    const log = epochs[epoch - 1] ?? []
    const from = step.from % (log.length + 2)
    const place = step.up ? { after: from } : { before: from }
    const page = await this.#store.history({ sessionId: id, epoch, ...place, limit: step.limit, maxBytes: 1e6 })
    const side = step.up ? log.slice(from) : log.slice(0, Math.max(0, from - 1))
    const wanted = step.up ? side.slice(0, step.limit) : side.slice(-step.limit)
    expect(page.entries.map(({ message }) => message.id)).toEqual(wanted)
    expect(page.hasMore).toBe(side.length > step.limit)
  }

  #next(name: string): string {
    this.#count += 1
    return `${name}-${this.#count}`
  }
}

function places(entries: readonly LogEntry[]): string[] {
  return entries.map(({ sessionId, epoch, seq, message }) => `${sessionId} ${epoch}.${seq} ${message.id}`)
}

test('whatever is sent, forked, reset, deleted, restored and erased, each log is what a copy would be', async () => {
  const steps = fc.array(step, { minLength: stepsPerRun, maxLength: stepsPerRun })
  await fc.assert(
    fc.asyncProperty(steps, async steps => {
      const { store, file, dispose } = await temporaryStore()
      try {
        const world = new World(store)
        await world.obey({ do: 'create' })
        for (const step of steps) await world.obey(step)
        await world.check()
        await world.obey({ do: 'erase' })
        await world.check()
        // What nobody shows any more is gone, and what anybody shows is there once.
        const database = new Database(file, { readonly: true })
        const stored = database.prepare('SELECT id FROM messages ORDER BY id').pluck().all()
        const shown = new Set(world.sessions.flatMap(({ epochs }) => epochs.flat()))
        expect(stored).toEqual([...shown].toSorted())
        expect(database.pragma('foreign_key_check')).toEqual([])
        database.close()
      } finally {
        await dispose()
      }
    }),
    { seed, numRuns: runs },
  )
}, 120_000)
