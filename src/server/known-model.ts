import { TalonError } from '../protocol/errors.ts'
import type { App } from './record.ts'

/** @throws TalonError `INVALID_MESSAGE` for a model that no provider has; null and undefined stand for the default */
export function refuseUnknownModel(app: Pick<App, 'models'>, model: string | null | undefined): void {
  if (model === null || model === undefined || app.models.find(model)) return
  throw new TalonError('INVALID_MESSAGE', `There is no model "${model}". Known: ${app.models.list().join(', ')}.`)
}
