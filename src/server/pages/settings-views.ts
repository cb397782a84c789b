import type { SettingInfo } from '../../protocol/requests/config.ts'
import { flagOf, isKey, variableOf } from '../config.ts'
import { type SettingKey, settings } from '../settings.ts'
import { fieldOf, type SettingField } from '../settings-fields.ts'

/** One setting as the page shows it. */
export interface SettingView extends SettingInfo {
  key: SettingKey
  section: string
  field: SettingField
  standard: unknown
  /** The environment variable that would win over the file. */
  variable: string
  /** What wins over the file, so that nothing can be changed here. */
  fixedBy: string | undefined
  /** The page that it is changed on, where that is another. */
  elsewhere: string | undefined
}

const elsewhere: Partial<Record<SettingKey, string>> = { 'agent.providers': '/settings/providers' }

/** The settings, with how each is entered. */
export function settingViews(infos: readonly SettingInfo[]): SettingView[] {
  return infos.flatMap(info => {
    const { key, source } = info
    if (!isKey(key)) return []
    const fixedBy =
      source === 'env'
        ? `the environment variable ${variableOf(key)}`
        : source === 'flag'
          ? `the flag ${flagOf(key)} of “talon start”`
          : undefined
    return [
      {
        ...{ ...info, key, fixedBy },
        section: key.split('.')[0] ?? '',
        field: fieldOf(key),
        standard: settings[key].default,
        variable: variableOf(key),
        elsewhere: elsewhere[key],
      },
    ]
  })
}

/** Whether it is changed in the one form of the page; a secret has a form of its own. */
export function isEditable({ secret, fixedBy }: SettingView): boolean {
  return !secret && fixedBy === undefined
}

const maxShownChars = 120

/** A value on one line, for a person. */
export function shownValue({ key, secret }: Pick<SettingView, 'key' | 'secret'>, value: unknown): string {
  if (secret) return value === null || value === undefined ? 'not set' : 'set, not shown'
  if (value === null || value === undefined || value === '') return 'none'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value === 'number') return key === 'server.port' ? String(value) : value.toLocaleString('en')
  const text = textOfValue(value)
  return text.length > maxShownChars ? `${text.slice(0, maxShownChars)} …` : text
}

function textOfValue(value: unknown): string {
  if (typeof value === 'string') return value
  const isPlain = (part: unknown) => typeof part === 'string' || typeof part === 'number'
  if (Array.isArray(value) && value.every(isPlain)) return value.length === 0 ? 'none' : value.join(', ')
  const text = JSON.stringify(value)
  return text === '{}' || text === '[]' ? 'none' : text
}
