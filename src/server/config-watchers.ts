import type { Log } from './log.ts'
import type { Settings } from './record.ts'
import type { Config, SettingKey } from './settings.ts'

/** Who wants to know of changes of the settings. */
export interface ConfigWatchers extends Pick<Settings, 'onChange' | 'onUpdate'> {
  /** Tells those who watch one of these keys. */
  changed(keys: readonly SettingKey[], config: Config): void
  /** Tells of an update, whatever it changed. */
  updated: Parameters<Settings['onUpdate']>[0]
  /** Does a work whose failure nobody else has to suffer for. */
  shielded(work: () => void): void
}

/** @param log gets what goes wrong in a listener */
export function createWatchers(log: Log): ConfigWatchers {
  const watchers = new Set<{ keys: ReadonlySet<SettingKey>; listener: (config: Config) => void }>()
  const listeners = new Set<Parameters<Settings['onUpdate']>[0]>()
  const shielded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      log.error({ err: error }, 'a change of the settings was not taken over everywhere')
    }
  }
  return {
    shielded,
    onChange(keys, listener) {
      const watcher = { keys: new Set(keys), listener }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    onUpdate(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    changed(changed, config) {
      for (const { keys, listener } of watchers) {
        if (changed.some(key => keys.has(key))) shielded(() => listener(config))
      }
    },
    updated(update, by) {
      for (const listener of listeners) shielded(() => listener(update, by))
    },
  }
}
