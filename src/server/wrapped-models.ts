import type { Model } from './agent/model.ts'
import type { Models } from './record.ts'

/** The same models, each of which streams in another way; one model stays one, as whoever compares two relies on. */
export function wrappedModels(models: Models, streamOf: (model: Model) => Model['stream']): Models {
  const wrapped = new WeakMap<Model, Model>()
  const wrap = (model: Model): Model => {
    const known = wrapped.get(model)
    if (known) return known
    const made: Model = { ...model, stream: streamOf(model) }
    wrapped.set(model, made)
    return made
  }
  return {
    ...models,
    get defaultChain() {
      return models.defaultChain.map(wrap)
    },
    find(name) {
      const found = models.find(name)
      return found && wrap(found)
    },
  }
}
