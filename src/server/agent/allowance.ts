import { TalonError } from '../../protocol/errors.ts'
import { estimatedTokens } from '../budgets.ts'
import type { Ledger } from './budget.ts'
import type { Model, ModelEvent, ModelRequest } from './model.ts'

/** What one sub-run may take, and has taken. */
export interface Allowance {
  readonly maxTokens: number
  readonly maxMs: number
  /** Tokens of its calls, and of those that it asked itself. */
  spentTokens: number
  /** Ends it, with the reason. */
  readonly signal: AbortSignal
}

/** The same ledger, whose models refuse to go beyond the allowance. @throws TalonError `BUDGET_EXCEEDED` from their streams */
export function withAllowance(ledger: Ledger, allowance: Allowance): Ledger {
  return {
    ...ledger,
    pay(model) {
      const paid = ledger.pay(model)
      return { ...paid, stream: request => counted(paid, request, allowance) }
    },
  }
}

/** Ends a run with the signal, or when its time is over; the returned function ends the watch. */
export function watchAllowance({ signal, maxMs }: Allowance, controller: AbortController): () => void {
  const onAbort = () => controller.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => {
    const text = `A sub-run may take ${maxMs / 1_000} s (agent.delegateMs), and they are over.`
    controller.abort(new TalonError('TIMEOUT', text))
  }, maxMs)
  return () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

async function* counted(model: Model, request: ModelRequest, allowance: Allowance): AsyncGenerator<ModelEvent> {
  const { system, messages, tools } = request
  const before = allowance.spentTokens
  const inputTokens = estimatedTokens(Buffer.byteLength(JSON.stringify([system, messages, tools])))
  refuseBeyond(allowance, inputTokens)
  let bytes = 0
  for await (const event of model.stream(request)) {
    if (event.type === 'finish') {
      allowance.spentTokens = before + (event.usage?.totalTokens ?? inputTokens + estimatedTokens(bytes))
    } else {
      bytes += Buffer.byteLength(event.type === 'text' ? event.text : JSON.stringify(event.call.args))
      // Noted as it comes: what is cut short was spent all the same.
      allowance.spentTokens = before + inputTokens + estimatedTokens(bytes)
      refuseBeyond(allowance, 0)
    }
    yield event
  }
}

function refuseBeyond({ spentTokens, maxTokens }: Allowance, more: number): void {
  if (spentTokens + more <= maxTokens) return
  const text = `A sub-run may take ${maxTokens.toLocaleString('en')} tokens (agent.delegateTokens), and this would be more.`
  throw new TalonError('BUDGET_EXCEEDED', text)
}
