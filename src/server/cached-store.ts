import type { Change, Commands, Queries, Store } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { Session } from '../protocol/shapes.ts'
import { type Cache, freeze } from './cache.ts'
import { createReadThrough, type ReadThrough, type Writes } from './read-through.ts'

export type Counts = Awaited<ReturnType<Queries['counts']>>

/** What a command may change beside what the changes of its commit say: nothing, the session that it names, or counts. */
type Unsaid = 'nothing' | 'session' | 'counts'

const unsaid: Record<keyof Commands, Unsaid> = {
  createSession: 'nothing',
  updateSession: 'nothing',
  resetSession: 'nothing',
  deleteSession: 'nothing',
  restoreSession: 'nothing',
  forkSession: 'nothing',
  retireSession: 'nothing',
  eraseDeleted: 'counts',
  saveMemorySummary: 'session',
  sendMessage: 'nothing',
  startRun: 'nothing',
  savePartialText: 'nothing',
  appendToolCalls: 'nothing',
  appendToolResult: 'nothing',
  finishRun: 'nothing',
  reserveCall: 'nothing',
  settleCalls: 'nothing',
  settleLeftOver: 'nothing',
  reopenDay: 'nothing',
  beginImport: 'nothing',
  importEntries: 'counts',
  finishImport: 'counts',
  abandonImport: 'counts',
  dropUnfinishedImports: 'counts',
  recordImport: 'nothing',
  beginInvocation: 'nothing',
  finishInvocation: 'nothing',
  interruptInvocations: 'nothing',
  recordRefusal: 'nothing',
  recordEnded: 'nothing',
  addAttachment: 'nothing',
  pruneAttachments: 'nothing',
  addGrant: 'nothing',
  revokeGrant: 'nothing',
  appendMemory: 'nothing',
  mergeFacts: 'nothing',
  savePersona: 'nothing',
  saveNote: 'nothing',
  addTask: 'nothing',
  completeTask: 'nothing',
  forget: 'nothing',
  taintRun: 'nothing',
  beginDelegation: 'nothing',
  addSchedule: 'nothing',
  removeSchedule: 'nothing',
  pauseSchedule: 'nothing',
  fireSchedule: 'nothing',
  passSchedule: 'nothing',
  createToken: 'nothing',
  putToken: 'nothing',
  revokeToken: 'nothing',
  touchTokens: 'nothing',
  createWebSession: 'nothing',
  deleteWebSession: 'nothing',
  recordAudit: 'nothing',
  prune: 'nothing',
  keepReply: 'nothing',
  probe: 'nothing',
}

const countsKey = 'counts'

/**
 * The same store, with sessions and counts answered from memory. A read that begins after a write was acknowledged, or
 * after its change was published, sees it: caches are corrected before anybody hears of a commit. Values are shared and
 * frozen.
 */
export function cachedStore(store: Store, caches: { sessions: Cache<Session>; counts: Cache<Counts> }): Store {
  const writes = createWrites()
  const sessions = createReadThrough(caches.sessions, writes)
  const counts = createReadThrough(caches.counts, writes)
  const clear = () => {
    sessions.clear()
    counts.clear()
  }
  // Before every other listener: what is published is what can be read.
  store.onCommit(changes => {
    counts.drop(countsKey)
    for (const change of changes) follow(sessions, change)
  })
  const settled = (name: keyof Commands, input: { sessionId?: unknown }) => {
    if (unsaid[name] === 'counts') counts.drop(countsKey)
    else if (unsaid[name] === 'session' && typeof input.sessionId === 'string') sessions.drop(input.sessionId)
  }
  const getSession = (sessionId: string) =>
    sessions.get(sessionId, () => store.getSession(sessionId).then(freeze<Session | undefined>))
  return {
    ...store,
    ...watched(store, writes, { settled, lost: clear }),
    getSession,
    async getHead(sessionId) {
      const session = await getSession(sessionId)
      return session && { epoch: session.epoch, seq: session.seq }
    },
    // The store always has counts, so that a read of them is never undefined.
    counts: () => counts.get(countsKey, () => store.counts().then(freeze<Counts>)) as Promise<Counts>,
  }
}

/** A commit tells of every session that it changed as a whole; what else it tells is of entries and runs. */
function follow(sessions: ReadThrough<Session>, change: Change): void {
  if (change.type === 'session.created' || change.type === 'session.updated') {
    sessions.correct(change.session.id, freeze(change.session))
  } else if (change.type === 'session.deleted' || change.type === 'session.reset') sessions.drop(change.sessionId)
}

interface Open extends Writes {
  begin(): number
  end(number: number): void
}

function createWrites(): Open {
  let newest = 0
  const open = new Set<number>()
  return {
    begin() {
      newest += 1
      open.add(newest)
      return newest
    },
    end: number => void open.delete(number),
    newest: () => newest,
    oldest: () => open.values().next().value ?? Number.POSITIVE_INFINITY,
  }
}

/**
 * The commands of a store, each of them watched from its beginning to its end. What is done at its end is done before
 * whoever gave the command goes on, because it was attached first.
 */
function watched(
  store: Commands,
  writes: Open,
  on: { settled: (name: keyof Commands, input: object) => void; lost: () => void },
): Commands {
  const watch = (name: keyof Commands) => (input: never) => {
    const number = writes.begin()
    const promise: Promise<unknown> = store[name](input)
    const end = () => {
      writes.end(number)
      on.settled(name, input)
    }
    promise.then(end, error => {
      end()
      if (mayHaveHappened(error)) on.lost()
    })
    return promise
  }
  const names = Object.keys(unsaid) as (keyof Commands)[] // The keys of a table of exactly these.
  // Each is the command of its name, with its input and its result.
  return Object.fromEntries(names.map(name => [name, watch(name)])) as unknown as Commands
}

/** Where the writer died, a commit may be on disk that nobody will ever be told of. */
function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof TalonError) || error.code === 'STORAGE_UNAVAILABLE'
}
