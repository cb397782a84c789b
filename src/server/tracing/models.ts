import { errorPayload } from '../../protocol/errors.ts'
import type { Model, ModelEvent, ModelRequest } from '../agent/model.ts'
import type { Clock, Models } from '../record.ts'
import type { Tracing } from '../record-tracing.ts'
import { wrappedModels } from '../wrapped-models.ts'

/** The same models, each call of which is a span of the run that asks. */
export function tracedModels(models: Models, tracing: Tracing, clock: Clock): Models {
  return wrappedModels(models, model => request => stream(model, request, tracing, clock))
}

// Attributes as in OpenTelemetry's conventions for generative AI, without what was said.
async function* stream(
  model: Model,
  request: ModelRequest,
  tracing: Tracing,
  clock: Clock,
): AsyncGenerator<ModelEvent> {
  const startedAt = clock.monotonic()
  const span = tracing.start(`chat ${model.id}`, {
    parent: request.trace,
    kind: 'client',
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': model.provider,
      'gen_ai.request.model': model.id,
    },
  })
  let saidAnything = false
  try {
    for await (const event of model.stream({ ...request, trace: span.context })) {
      if (!saidAnything) span.set({ 'talon.first_token_ms': Math.round(clock.monotonic() - startedAt) })
      saidAnything = true
      if (event.type === 'finish') {
        const { usage, reason } = event
        span.set({
          'gen_ai.usage.input_tokens': usage?.inputTokens,
          'gen_ai.usage.output_tokens': usage?.outputTokens,
          'gen_ai.response.finish_reason': reason,
        })
      }
      yield event
    }
  } catch (error) {
    span.fail(errorPayload(error).code)
    throw error
  } finally {
    span.end()
  }
}
