import { readValue } from '../../islands/settings/values.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { Action } from './page.ts'
import { settingViews } from './settings-views.ts'

/** Confirms the change that waits. */
export const keep: Action['run'] = async (_app, { form, ask }) => {
  const { waiting } = await ask('config.get', {})
  if (!waiting)
    return { to: '/settings', said: 'There is nothing to keep any more: the change was kept or taken back.' }
  const { message } = await ask('config.update', { hash: form.get('hash') ?? '' })
  return { to: '/settings', said: message }
}

/** Takes it back. */
export const takeBack: Action['run'] = async (_app, { form, ask }) => {
  const { waiting } = await ask('config.get', {})
  if (!waiting) return { to: '/settings', said: 'No change waits any more: it was kept or taken back.' }
  const { message } = await ask('config.update', { hash: form.get('hash') ?? '', takeBack: true })
  return { to: '/settings', said: message }
}

/** Replaces a value that is never shown, so that there is nothing to compare: it is done at once. */
export const changeSecret: Action['run'] = async (_app, { form, ask }) => {
  const { settings, hash } = await ask('config.get', {})
  const view = settingViews(settings).find(({ key, secret }) => secret && key === form.get('key'))
  if (!view) throw new TalonError('NOT_FOUND', 'There is no such secret setting.')
  const { key, field } = view
  if (form.has('remove')) {
    const { message } = await ask('config.update', { hash, reset: [key] })
    return { to: '/settings', said: message }
  }
  const entered = form.get('value') ?? ''
  if (entered.trim() === '') throw new TalonError('INVALID_MESSAGE', `Enter the new value of ${key}, or remove it.`)
  const read = readValue(field, entered)
  if ('problem' in read) throw new TalonError('INVALID_MESSAGE', `${key}: ${read.problem}`)
  const { message } = await ask('config.update', { hash, changes: { [key]: read.value } })
  return { to: '/settings', said: message }
}
