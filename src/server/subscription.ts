import { setTimeout as delay } from 'node:timers/promises'
import type { Head, Run } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { EventPayload } from '../protocol/messages.ts'
import { createNotice, entryNotice } from './bus.ts'
import type { App, Notice } from './record.ts'

// A page of a replay: few enough bytes that one page over the bound of a socket does not matter.
const pageEntries = 200
// A disk that fails for a moment must not silence a reader for good.
const retryMs = 1_000
const pageBytes = 256 * 1024
// More than any dashboard opens; each costs about 200 bytes.
const maxSubscriptions = 1_000
// Ends of runs that happen during a replay: one as a rule, all that wait when the session is reset or deleted.
const maxHeldBack = 256

export interface SubscriptionDeps {
  app: Pick<App, 'store' | 'bus' | 'runs' | 'clock'>
  frameId: () => string
  send(notice: Notice): void
  /** Sends what was read from the log. */
  replay(notice: Notice): void
  /** Whether little enough is unsent that more may be added. */
  hasRoom(): boolean
  /** Resolves when there is room again, or the connection is gone. */
  room(): Promise<void>
  isOpen(): boolean
  failed(error: unknown): void
}

export interface Position {
  sessionId: string
  epoch?: number | undefined
  after?: number | undefined
}

/** The subscriptions of one connection. */
export interface Subscriptions {
  subscribe(at: Position): Promise<{ resumed: EventPayload<'session.resumed'>; start: () => void }>
  unsubscribe(sessionId: string): void
  has(sessionId: string): boolean
  /** Tells that the socket has room again: answers whose deltas were dropped get a snapshot. */
  drained(): void
  close(): void
}

/**
 * One subscription is in one of two states. *Behind*, it reads the log from the store, page by page, as fast as its
 * reader takes it. *Live*, it sends what the bus brings. A slow reader falls behind and catches up in the same way as one
 * that just came: entries wait in the store, never in memory.
 */
interface Subscription {
  sessionId: string
  epoch: number
  /** Newest seq that was sent. */
  sent: number
  /** Newest seq that is known to exist. */
  newest: number
  behind: boolean
  pumping: boolean
  started: boolean
  needsSnapshot: boolean
  heldBack: Notice[]
  /** Counts resets, so that a page read before one is thrown away. */
  generation: number
  /** Set when another took its place or nobody wants it any more: nothing of it may be sent then. */
  ended: boolean
  stop: () => void
}

export function createSubscriptions(deps: SubscriptionDeps): Subscriptions {
  const open = new Map<string, Subscription>()
  // Asked for, while their place is read: a second one meanwhile would send the same entries again.
  const opening = new Set<Subscription>()
  const isOpening = (sessionId: string) => [...opening].some(subscription => subscription.sessionId === sessionId)
  const end = (subscription: Subscription) => {
    subscription.ended = true
    subscription.stop()
    if (open.get(subscription.sessionId) === subscription) open.delete(subscription.sessionId)
  }
  return {
    has: sessionId => open.has(sessionId) || isOpening(sessionId),
    async subscribe(at) {
      if (open.size + opening.size >= maxSubscriptions && !open.has(at.sessionId)) {
        throw new TalonError('OVERLOADED', `A connection holds at most ${maxSubscriptions} subscriptions.`)
      }
      const subscription = newSubscription(at.sessionId)
      // Listening begins before the head is read: what is committed in between is known, not lost.
      subscription.stop = deps.app.bus.onSession(at.sessionId, notice => {
        const other = open.get(at.sessionId)
        if (notice.type === 'session.deleted') end(subscription)
        // The one that is about to be replaced has told it already.
        if (notice.type !== 'session.deleted' || !other || other === subscription) receive(deps, subscription, notice)
      })
      opening.add(subscription)
      const { head, run } = await readPlace(deps, subscription)
        .catch(error => {
          subscription.stop()
          throw error
        })
        .finally(() => opening.delete(subscription))
      if (!head || !deps.isOpen()) {
        subscription.stop()
        throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId: at.sessionId })
      }
      const previous = open.get(at.sessionId)
      if (previous) {
        // What it sent live was not missed.
        if (!previous.behind) subscription.heldBack = []
        end(previous)
      }
      if (subscription.ended) subscription.stop()
      else open.set(at.sessionId, subscription)
      const resumed = place(subscription, at, head, run)
      return {
        resumed,
        start() {
          subscription.started = true
          pump(deps, subscription).catch(deps.failed)
        },
      }
    },
    unsubscribe(sessionId) {
      // One that is being opened ends before it begins.
      for (const subscription of [...opening, ...open.values()]) {
        if (subscription.sessionId === sessionId) end(subscription)
      }
    },
    drained() {
      for (const subscription of open.values()) {
        if (subscription.needsSnapshot && !subscription.behind && deps.hasRoom()) sendSnapshot(deps, subscription)
      }
    },
    close() {
      for (const subscription of [...open.values()]) end(subscription)
    },
  }
}

/** Where the log stands; read again if it was reset while it was read. */
async function readPlace(
  deps: SubscriptionDeps,
  subscription: Subscription,
): Promise<{ head: Head | undefined; run: Run | undefined }> {
  for (;;) {
    const { generation } = subscription
    const run = await deps.app.store.activeRun(subscription.sessionId)
    const head = await deps.app.store.getHead(subscription.sessionId)
    if (generation === subscription.generation) return { head, run }
    // The reset is part of the place that is read next.
    subscription.heldBack = []
  }
}

function newSubscription(sessionId: string): Subscription {
  return {
    sessionId,
    epoch: -1,
    sent: 0,
    newest: 0,
    behind: true,
    pumping: false,
    started: false,
    needsSnapshot: true,
    heldBack: [],
    generation: 0,
    ended: false,
    stop: () => undefined,
  }
}

/** Puts a subscription at the position that its client knows, or at the head if that position is gone. */
function place(
  subscription: Subscription,
  at: Position,
  head: Head,
  run: Run | undefined,
): EventPayload<'session.resumed'> {
  const reset = (at.epoch ?? head.epoch) !== head.epoch || (at.after ?? 0) > head.seq
  subscription.epoch = head.epoch
  subscription.sent = reset ? head.seq : (at.after ?? head.seq)
  subscription.newest = Math.max(subscription.newest, head.seq)
  return {
    sessionId: at.sessionId,
    epoch: head.epoch,
    seq: head.seq,
    reset,
    replayed: head.seq - subscription.sent,
    run: run ? { runId: run.id, state: run.state } : null,
  }
}

function receive(deps: SubscriptionDeps, subscription: Subscription, notice: Notice): void {
  if (notice.seq !== undefined) return receiveEntry(deps, subscription, notice, notice.seq)
  switch (notice.type) {
    case 'session.resumed':
      return restart(deps, subscription, notice)
    case 'session.message.delta':
      if (subscription.behind || subscription.needsSnapshot || !deps.hasRoom()) subscription.needsSnapshot = true
      else deps.send(notice)
      return
    case 'run.finished':
    case 'session.error':
      if (!subscription.behind) deps.send(notice)
      else if (subscription.heldBack.length < maxHeldBack) subscription.heldBack.push(notice)
      return
    case 'session.deleted':
      sendHeldBack(deps, subscription)
      return deps.send(notice)
    default:
      if (!subscription.behind && (notice.type !== 'tool.stream' || deps.hasRoom())) deps.send(notice)
  }
}

function receiveEntry(deps: SubscriptionDeps, subscription: Subscription, notice: Notice, seq: number): void {
  // Before its place is known (-1) every epoch counts; afterwards an entry of an archived epoch is none of this log.
  if (subscription.epoch !== -1 && notice.epoch !== subscription.epoch) return
  subscription.newest = Math.max(subscription.newest, seq)
  if (subscription.behind || seq <= subscription.sent) return
  if (seq === subscription.sent + 1 && deps.hasRoom()) {
    subscription.sent = seq
    deps.send(notice)
    return
  }
  subscription.behind = true
  pump(deps, subscription).catch(deps.failed)
}

/** The session was reset: its log begins anew in the next epoch. */
function restart(deps: SubscriptionDeps, subscription: Subscription, notice: Notice): void {
  subscription.generation += 1
  subscription.epoch = notice.epoch ?? subscription.epoch
  subscription.sent = 0
  subscription.newest = 0
  subscription.needsSnapshot = false
  if (!subscription.started) {
    subscription.heldBack = [notice]
    return
  }
  subscription.behind = false
  sendHeldBack(deps, subscription)
  deps.send(notice)
}

function sendHeldBack(deps: SubscriptionDeps, subscription: Subscription): void {
  for (const notice of subscription.heldBack.splice(0)) deps.send(notice)
}

/** Sends from the store until nothing is missing, then goes live in the same turn, so that nothing falls in between. */
async function pump(deps: SubscriptionDeps, subscription: Subscription): Promise<void> {
  if (subscription.pumping || !subscription.started) return
  subscription.pumping = true
  try {
    while (subscription.behind && !subscription.ended && deps.isOpen()) {
      if (subscription.sent >= subscription.newest) goLive(deps, subscription)
      else if (!deps.hasRoom()) await deps.room()
      else await sendPage(deps, subscription).catch(error => deps.failed(error) ?? delay(retryMs))
    }
  } finally {
    subscription.pumping = false
  }
}

async function sendPage(deps: SubscriptionDeps, subscription: Subscription): Promise<void> {
  const { sessionId, epoch, sent: after, generation } = subscription
  const page = await deps.app.store.history({ sessionId, epoch, after, limit: pageEntries, maxBytes: pageBytes })
  if (generation !== subscription.generation || subscription.ended) return
  for (const entry of page.entries) {
    if (entry.seq <= subscription.sent) continue
    subscription.sent = entry.seq
    deps.replay(entryNotice({ type: 'entry', entry }))
  }
  // An empty page means that the log ends here, whatever was expected: erased, or restored from a backup.
  if (page.entries.length === 0) subscription.newest = subscription.sent
}

function goLive(deps: SubscriptionDeps, subscription: Subscription): void {
  subscription.behind = false
  sendHeldBack(deps, subscription)
  if (subscription.needsSnapshot) sendSnapshot(deps, subscription)
}

function sendSnapshot(deps: SubscriptionDeps, subscription: Subscription): void {
  subscription.needsSnapshot = false
  const { sessionId } = subscription
  const live = deps.app.runs.live(sessionId)
  if (!live) return
  const payload: EventPayload<'session.message.snapshot'> = {
    sessionId,
    runId: live.runId,
    text: live.text,
    index: live.index,
  }
  const fields = { id: deps.frameId(), timestamp: deps.app.clock.now(), sessionId, payload }
  deps.send(createNotice({ ...fields, type: 'session.message.snapshot' }))
}
