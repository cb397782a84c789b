import type { App } from '../record.ts'

/** Every model that a new session can have, the default first. */
export function modelNames(app: App): string[] {
  const model = app.models.find(app.config['agent.model'])
  const standard = model ? `${model.provider}/${model.id}` : app.config['agent.model']
  return [standard, ...app.models.list().filter(name => name !== standard)]
}
