import { errorPayload } from '../../protocol/errors.ts'
import type { ProviderUse } from '../record-models.ts'
import type { Model, ModelEvent, ModelRequest } from './model.ts'

type Use = Omit<ProviderUse, 'keyProblem'>

/** Counts the calls of each provider, and keeps the last failure. */
export interface Uses {
  /** What the model says, counted. */
  counted(model: Model, request: ModelRequest): AsyncGenerator<ModelEvent>
  of(provider: string): Use
  /** Forgets all but these. */
  keep(providers: readonly string[]): void
}

export function createUses(now: () => number): Uses {
  const uses = new Map<string, Use>()
  const of = (provider: string) => uses.get(provider) ?? { provider, calls: 0, failures: 0, lastFailure: undefined }
  return {
    of,
    async *counted(model, request) {
      const { provider } = model
      const begun = of(provider)
      uses.set(provider, { ...begun, calls: begun.calls + 1 })
      try {
        yield* model.stream(request)
      } catch (error) {
        const { code, error: message } = errorPayload(error)
        const use = uses.get(provider)
        // Whoever stopped the call says nothing about the provider.
        if (use && code !== 'CANCELLED' && code !== 'INTERRUPTED') {
          uses.set(provider, { ...use, failures: use.failures + 1, lastFailure: { message, at: now() } })
        }
        throw error
      }
    },
    keep(providers) {
      for (const name of uses.keys()) if (!providers.includes(name)) uses.delete(name)
    },
  }
}
