import type { Model } from '../agent/model.ts'
import type { App } from '../record.ts'

/** The model that answers first where a session names none; undefined if the configured one does not exist. */
export function defaultModel(app: App): Model | undefined {
  const configured = app.config['agent.model']
  return configured === 'auto' ? app.models.defaultChain[0] : app.models.find(configured)
}

/** Every model that a new session can have, the default first. */
export function modelNames(app: App): string[] {
  const model = defaultModel(app)
  const standard = model ? `${model.provider}/${model.id}` : app.config['agent.model']
  return [standard, ...app.models.list().filter(name => name !== standard)]
}
