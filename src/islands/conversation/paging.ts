import { batch } from '@preact/signals'
import type { Message } from '../../protocol/shapes.ts'
import { gateway } from '../connection.ts'
import { sentence } from '../parts/sentence.ts'
import { type Conversation, maxMessages, withTools } from './live.ts'
import { type ReadRecords, readKnownTools } from './records.ts'

// As many as the server renders at first.
const pageSize = 50
// What is read on each side of a message that a link leads to.
const aroundSize = 25

/** Puts the page before the oldest message on top. */
export async function loadOlder(conversation: Conversation): Promise<void> {
  const { messages, hasOlder } = conversation
  const before = messages.peek()[0]?.seq
  if (before === undefined || !hasOlder.peek()) return
  await reading(conversation, 'Older messages could not be loaded.', async () => {
    const page = await read(conversation, { before, limit: pageSize })
    if (!page || messages.peek()[0]?.seq !== before) return
    // What goes at the other end is read again on the way back.
    messages.value = [...page.messages, ...messages.peek()].slice(0, maxMessages)
    hasOlder.value = page.hasMore
  })
}

/** Puts the page after the newest message that is shown below it. */
export async function loadNewer(conversation: Conversation): Promise<void> {
  const { messages, hasOlder, hasNewer } = conversation
  const after = messages.peek().at(-1)?.seq ?? 0
  if (!hasNewer.peek()) return
  await reading(conversation, 'Newer messages could not be loaded.', async () => {
    const page = await read(conversation, { after, limit: pageSize })
    if (!page || (messages.peek().at(-1)?.seq ?? 0) !== after) return
    const all = [...messages.peek(), ...page.messages]
    if (all.length > maxMessages) hasOlder.value = true
    messages.value = all.slice(-maxMessages)
  })
}

/** Shows the end of the log, where whoever reads further up is not. */
export async function loadNewest(conversation: Conversation): Promise<void> {
  if (!conversation.hasNewer.peek()) return
  await reading(conversation, 'The newest messages could not be loaded.', async () => {
    const page = await read(conversation, { limit: pageSize })
    if (page) show(conversation, page.messages, page.hasMore)
  })
}

/** Shows the part of the log in which this entry is; false if it is not there. */
export async function loadAround(conversation: Conversation, seq: number): Promise<boolean> {
  const isThere = () => conversation.messages.peek().some(message => message.seq === seq)
  if (isThere()) return true
  if (seq < 1 || seq > conversation.head.peek()) return false
  // A page that is under way is none that was asked for here, and would stand in the way.
  await readToEnd(conversation)
  if (isThere()) return true
  await reading(conversation, 'The message could not be loaded.', async () => {
    const [older, newer] = await Promise.all([
      read(conversation, { before: seq + 1, limit: aroundSize }),
      read(conversation, { after: seq, limit: aroundSize }),
    ])
    if (older && newer) show(conversation, [...older.messages, ...newer.messages], older.hasMore)
  })
  return isThere()
}

async function readToEnd({ isReading }: Conversation): Promise<void> {
  let stop = () => {}
  await new Promise<void>(resolve => {
    stop = isReading.subscribe(isBusy => isBusy || resolve())
  })
  stop()
}

function show({ messages, hasOlder, head }: Conversation, shown: readonly Message[], more: boolean): void {
  batch(() => {
    messages.value = shown
    hasOlder.value = more
    head.value = Math.max(head.peek(), shown.at(-1)?.seq ?? 0)
  })
}

/** One at a time: a scroll asks for the same page many times. */
async function reading(conversation: Conversation, failure: string, work: () => Promise<void>): Promise<void> {
  const { isReading, problem } = conversation
  if (isReading.peek()) return
  isReading.value = true
  try {
    await work()
  } catch (error) {
    problem.value = sentence(failure, error)
  } finally {
    isReading.value = false
  }
}

/** A part of the log, with what is known of its tools; undefined if the log was begun anew meanwhile. */
async function read(
  { sessionId, epoch, tools }: Conversation,
  place: { before?: number; after?: number; limit: number },
): Promise<{ messages: Message[]; hasMore: boolean } | undefined> {
  const asked = { sessionId, epoch: epoch.peek(), ...place }
  const page = await gateway().request('session.history', asked)
  if (page.epoch !== epoch.peek()) return undefined
  const records: ReadRecords = at => gateway().request('tools.history', { sessionId, ...at })
  // The messages are worth showing without it.
  const known = await readKnownTools(page.messages, records).catch(() => ({}))
  tools.value = withTools(tools.peek(), known)
  return page
}
