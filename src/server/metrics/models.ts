import { errorPayload } from '../../protocol/errors.ts'
import type { Model, ModelEvent, ModelRequest } from '../agent/model.ts'
import type { Clock, Models } from '../record.ts'
import type { Metrics } from '../record-metrics.ts'
import { wrappedModels } from '../wrapped-models.ts'

/** The same models, each call of which is counted and timed. */
export function measuredModels(models: Models, metrics: Metrics, clock: Clock): Models {
  return wrappedModels(models, model => request => stream(model, request, metrics, clock))
}

// Whoever asks may leave before the end, as it does when a run is cancelled.
type Outcome = 'ok' | 'left' | { error: unknown }

async function* stream(
  model: Model,
  request: ModelRequest,
  metrics: Metrics,
  clock: Clock,
): AsyncGenerator<ModelEvent> {
  const startedAt = clock.monotonic()
  const elapsedMs = () => clock.monotonic() - startedAt
  const { provider, id } = model
  let saidAnything = false
  let outcome: Outcome = 'left'
  try {
    for await (const event of model.stream(request)) {
      if (!saidAnything) metrics.observe('talon_provider_first_token_seconds', elapsedMs(), provider, id)
      saidAnything = true
      if (event.type === 'finish') {
        outcome = 'ok'
        metrics.observe('talon_provider_duration_seconds', elapsedMs(), provider, id)
        metrics.add('talon_tokens_total', event.usage?.inputTokens ?? 0, provider, id, 'input')
        metrics.add('talon_tokens_total', event.usage?.outputTokens ?? 0, provider, id, 'output')
      }
      yield event
    }
  } catch (error) {
    outcome = { error }
    throw error
  } finally {
    countCall(metrics, model, outcome, request.signal)
  }
}

function countCall(metrics: Metrics, { provider, id }: Model, outcome: Outcome, signal: AbortSignal): void {
  if (outcome === 'ok') return metrics.inc('talon_provider_calls_total', provider, id, 'ok')
  // A call that ran into a limit of ours is stopped with the reason; that one tells more than the failure that follows.
  const error = signal.aborted ? signal.reason : outcome === 'left' ? undefined : outcome.error
  const code = error === undefined ? 'CANCELLED' : errorPayload(error).code
  metrics.inc('talon_provider_calls_total', provider, id, code)
  if (code !== 'CANCELLED' && code !== 'INTERRUPTED') metrics.inc('talon_provider_errors_total', provider, id, code)
}
