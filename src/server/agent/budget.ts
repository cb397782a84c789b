import type { EndedCall, ModelCall, Run } from '../../db/store.ts'
import { estimatedTokens } from '../budgets.ts'
import type { App } from '../record.ts'
import type { Model, ModelEvent, ModelRequest, Usage } from './model.ts'
import { ProviderFailure } from './models/provider-failure.ts'

// What is set aside at a time for the answer of a model whose settings name no maxOutputTokens.
const outputStep = 8_192

export type LedgerApp = Pick<App, 'budgets' | 'clock' | 'newId'>

/** What one run spends: each call is paid for before it is made, and counted by the commit of the entry that it made. */
export interface Ledger {
  /** The same model, each call of which something is set aside for. */
  pay(model: Model): Model
  /** What the next commit has to count. */
  bill(): { ended: readonly EndedCall[]; wallMs: number }
  /** That commit is done. */
  paid(ended: readonly EndedCall[]): void
}

/** A ledger for a run at work; with `aside` for a call that belongs to a run that is over. */
export function openLedger(app: LedgerApp, run: Run, { aside = false } = {}): Ledger {
  const startedAt = app.clock.monotonic()
  let ended: readonly EndedCall[] = []
  const elapsedMs = () => Math.max(0, Math.round(app.clock.monotonic() - startedAt))
  const paid = (counted: readonly EndedCall[]) => {
    ended = ended.filter(call => !counted.includes(call))
  }
  const account: Account = {
    app,
    payer: { sessionId: run.sessionId, tokenId: run.tokenId ?? '' },
    async reserve(call, used) {
      const settled = ended
      const runId = aside ? null : run.id
      await app.budgets.reserve({ call, runId, used, elapsedMs: aside ? 0 : elapsedMs(), ended: settled })
      paid(settled)
    },
    end(call) {
      ended = [...ended, call]
      if (!call.refused) app.budgets.note(call)
    },
  }
  return {
    pay: model => ({ ...model, stream: request => stream(account, model, request) }),
    bill: () => ({ ended, wallMs: elapsedMs() }),
    paid,
  }
}

/** Ends a run that takes longer than `budget.runWallMs`; the returned function ends the watch. */
export function limitWallTime(app: Pick<App, 'budgets' | 'config'>, controller: AbortController): () => void {
  const limitMs = app.config['budget.runWallMs']
  if (limitMs === null) return () => undefined
  const timer = setTimeout(() => controller.abort(app.budgets.outOfTime(limitMs)), limitMs)
  return () => clearTimeout(timer)
}

interface Account {
  app: LedgerApp
  payer: { sessionId: string; tokenId: string }
  reserve(call: ModelCall, used?: { inputTokens: number; outputTokens: number }): Promise<void>
  end(call: EndedCall): void
}

/** One call: what nobody tells the count of is estimated as what was sent and what came. */
async function* stream(account: Account, model: Model, request: ModelRequest): AsyncGenerator<ModelEvent> {
  const call = callOf(account, model, request)
  const reserved = account.app.budgets.watches(call.price)
  if (reserved) await account.reserve(call)
  const taken = { inputTokens: call.inputTokens, outputTokens: 0 }
  let bytes = 0
  let finish: { usage: Usage; cachedInputTokens: number | undefined } | undefined
  let refused = false
  try {
    for await (const event of model.stream(request)) {
      bytes += bytesOf(event)
      taken.outputTokens = estimatedTokens(bytes)
      if (event.type === 'finish') {
        const { usage, cachedInputTokens } = event
        if (usage) finish = { usage, cachedInputTokens }
      } else if (reserved && model.maxOutputTokens === undefined && taken.outputTokens >= call.outputTokens) {
        call.outputTokens = taken.outputTokens + outputStep
        await account.reserve(call, taken)
      }
      yield event
    }
  } catch (error) {
    // What a provider refuses before it says anything costs nothing; a call that we ended may well.
    refused = bytes === 0 && error instanceof ProviderFailure
    throw error
  } finally {
    const tokens = finish
      ? { ...tokensOf(finish.usage), cachedInputTokens: finish.cachedInputTokens, estimated: false }
      : { ...taken, estimated: true }
    account.end({ ...call, ...tokens, reserved, ...(refused && { refused }) })
  }
}

function callOf({ app, payer }: Account, model: Model, request: ModelRequest): ModelCall {
  const { system, messages, tools } = request
  return {
    id: app.newId(),
    ...payer,
    provider: model.provider,
    model: model.id,
    price: app.budgets.priceOf(model),
    inputTokens: estimatedTokens(Buffer.byteLength(JSON.stringify([system, messages, tools]))),
    outputTokens: model.maxOutputTokens ?? outputStep,
  }
}

function bytesOf(event: ModelEvent): number {
  if (event.type === 'text') return Buffer.byteLength(event.text)
  return event.type === 'tool_call' ? Buffer.byteLength(JSON.stringify(event.call.args)) : 0
}

function tokensOf({ inputTokens, outputTokens }: Usage): { inputTokens: number; outputTokens: number } {
  return { inputTokens, outputTokens }
}
