export interface SettingsFilterState {
  /** Words that all have to be found. */
  query: string
  /** One of `shows`; anything else is all. */
  show: string
}

/** What may be shown beside all. */
export const shows = {
  changed: 'Changed from the default',
  restart: 'Waiting for a restart',
  fixed: 'Set by environment or flag',
} as const

/** Whether a setting is among those that are asked for. */
export function matches(
  setting: { text: string; source: string; restartRequired: boolean },
  { query, show }: SettingsFilterState,
): boolean {
  if (show === 'changed' && setting.source === 'default') return false
  if (show === 'restart' && !setting.restartRequired) return false
  if (show === 'fixed' && setting.source !== 'env' && setting.source !== 'flag') return false
  const text = setting.text.toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word))
}
