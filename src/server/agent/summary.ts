import type { Run } from '../../db/store.ts'
import type { App, TraceContext } from '../record.ts'
import { openLedger } from './budget.ts'
import { shortened, toModelMessages, windowCharacters } from './context.ts'
import type { Model } from './model.ts'

// Fewer entries than this are not worth a model call of their own.
const minEntries = 10
const maxEntries = 500
const maxBytes = 256 * 1024
const timeoutMs = 60_000
const maxSummaryCharacters = 8_000

const instruction = `You keep the memory of a long conversation. Write a summary that replaces the older part of it:
facts, names, decisions, open tasks and the wishes of the user; no greetings, no comments of your own. At most 400 words.`

/**
 * Brings the running summary up to an entry that no longer fits the window. It runs after an answer, so that nobody waits
 * for it, and a failure costs nothing but the summary: the next run tries again.
 */
export async function updateSummary(
  app: App,
  run: Run,
  { model, trace }: { model: Model; trace: TraceContext | undefined },
  throughSeq: number,
): Promise<void> {
  if (model.provider === 'offline') return
  const { sessionId, epoch } = run
  const old = await app.store.getMemorySummary(sessionId)
  const after = old?.throughSeq ?? 0
  if (throughSeq - after < minEntries) return
  const page = await app.store.history({
    sessionId,
    epoch,
    after,
    limit: Math.min(maxEntries, throughSeq - after),
    // The model that writes it has the same small window; what does not fit is for the next run.
    maxBytes: Math.min(maxBytes, windowCharacters(model.contextTokens)),
  })
  const last = page.entries.at(-1)
  if (!last) return
  const room = windowCharacters(model.contextTokens)
  const entries = page.entries.map(entry => shortened(entry, room / page.entries.length))
  const lines = toModelMessages(entries).map(message => `${message.role}: ${message.content}`)
  const parts = [old?.summary && `Summary so far:\n${old.summary}`, `What was said since:\n${lines.join('\n')}`]
  // A message of a person may be longer than the window of itself.
  const content = parts.filter(Boolean).join('\n\n').slice(0, room)
  const ledger = openLedger(app, run, { aside: true })
  try {
    const summary = await summaryOf(ledger.pay(model), content, trace)
    if (summary === '') return
    const { ended } = ledger.bill()
    const at = app.clock.now()
    await app.store.saveMemorySummary({ sessionId, epoch, summary, throughSeq: last.seq, ended, at })
    ledger.paid(ended)
  } finally {
    const { ended } = ledger.bill()
    if (ended.length > 0) await app.store.settleCalls({ ended, at: app.clock.now() })
  }
}

async function summaryOf(model: Model, content: string, trace: TraceContext | undefined): Promise<string> {
  let summary = ''
  const signal = AbortSignal.timeout(timeoutMs)
  for await (const event of model.stream({
    system: instruction,
    messages: [{ role: 'user', content }],
    tools: [],
    signal,
    trace,
  })) {
    if (event.type === 'text') summary += event.text
  }
  return summary.trim().slice(0, maxSummaryCharacters)
}
