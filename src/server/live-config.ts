import { TalonError } from '../protocol/errors.ts'
import type { SettingInfo } from '../protocol/requests/config.ts'
import { type ConfigSource, type ConfigState, describeSettings, type LoadedConfig, resolveConfig } from './config.ts'
import {
  changedKeys,
  describeChanges,
  readChanges,
  refusalOf,
  refuseFixed,
  unusableFile,
  wordsFor,
} from './config-changes.ts'
import {
  ConfigError,
  changedText,
  configFile,
  hashOf,
  keepLastGood,
  readConfigText,
  reasonOf,
  replaceFile,
} from './config-file.ts'
import {
  abandonChange,
  dropRevert,
  endOf,
  firstText,
  type Revert,
  restoreBefore,
  writeRevert,
} from './config-revert.ts'
import { type ConfigWatchers, createWatchers } from './config-watchers.ts'
import type { Log } from './log.ts'
import type { ChangeSource, Clock, Settings, SettingsChange, SettingsUpdate, WaitingChange } from './record.ts'
import { type Config, type SettingKey, settings } from './settings.ts'

export interface LiveConfigDeps extends ConfigSource {
  clock: Clock
  log: Log
  /** Refuses settings that do not go together, or with which no gateway would start. @throws ConfigError */
  refuse: (loaded: LoadedConfig) => void
}

export interface LiveConfig extends Settings {
  /** The values that are in effect, whenever they are read. */
  config: Config
  /** Keeps a copy of the file: a gateway works with it. */
  settle(): void
  /** Ends waiting for a confirmation; the next start goes on with it. */
  close(): void
  /** The same after a start that failed, which takes back what nobody confirmed. */
  abandon(): void
}

/**
 * The settings of a gateway, which holds the lock of its data folder. A change that nobody confirmed and whose time ended
 * before this start is taken back first.
 * @throws ConfigError
 */
export function openLiveConfig(deps: LiveConfigDeps): LiveConfig {
  return new FileConfig(deps)
}

class FileConfig implements LiveConfig {
  readonly config: Config
  readonly onChange: Settings['onChange']
  readonly onUpdate: Settings['onUpdate']
  readonly #deps: LiveConfigDeps
  /** The same object as `config`, which nobody else writes to. */
  readonly #running: Record<string, unknown>
  readonly #watchers: ConfigWatchers
  #state: ConfigState
  /** Connections with a later id than `since` were opened after the change. */
  #waiting: { revert: Revert; since: string; timer: NodeJS.Timeout } | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: LiveConfigDeps) {
    this.#deps = deps
    this.#watchers = createWatchers(deps.log)
    this.onChange = this.#watchers.onChange
    this.onUpdate = this.#watchers.onUpdate
    const { text, waiting } = firstText(deps)
    this.#state = this.#judge(text)
    if (waiting) this.#wait(waiting, '')
    this.#running = { ...this.#state.loaded.values }
    // It has every key of the table, by the line above.
    this.config = this.#running as unknown as Config
  }

  hash(): string {
    return hashOf(this.#state.text)
  }

  list(): SettingInfo[] {
    const waiting = new Set<string>(this.#restartRequired())
    return describeSettings(this.#state.loaded).map(row => ({ ...row, restartRequired: waiting.has(row.key) }))
  }

  update(asked: SettingsChange, from: ChangeSource): SettingsUpdate {
    this.#readAgain()
    if (asked.hash !== this.hash()) {
      const words = 'The settings have changed since they were read. Read them again (config.get), then change them.'
      throw new TalonError('CONFLICT', words, { details: { hash: this.hash() } })
    }
    if (asked.takeBack) return this.#takeBackNow(from)
    const next = this.#plan(asked)
    if (!next) return asked.dryRun ? this.#describe([], 'Nothing would change.') : this.#confirm(from)
    if (asked.dryRun) return this.#foresee(next)
    if (next.text === this.#state.text) return this.#describe([], 'Nothing was changed.')
    if (this.#waiting) {
      const until = endOf(this.#waiting.revert)
      throw new TalonError('CONFLICT', `A change waits until ${until} to be confirmed. Confirm it first, or wait.`)
    }
    const { confirmWithinMs } = asked
    if (confirmWithinMs === undefined) return this.#tell(this.#save(next), undefined, from.by)
    const until = this.#deps.clock.now() + confirmWithinMs
    const before = this.#state.text ?? null
    const revert: Revert = { hash: hashOf(next.text), until, withinMs: confirmWithinMs, before }
    const changed = this.#save(next, revert)
    this.#wait(revert, from.newId())
    return this.#tell(changed, `It is taken back at ${endOf(revert)} unless it is confirmed.`, from.by)
  }

  waiting(): WaitingChange | undefined {
    if (!this.#waiting) return undefined
    const { until, before } = this.#waiting.revert
    const earlier = resolveConfig(this.#deps, before ?? undefined)
    return { confirmBy: until, changes: describeChanges(earlier, this.#state.loaded) }
  }

  reload(): void {
    const { log } = this.#deps
    try {
      if (!this.#readFile()) log.info('talon.json has not changed')
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error({ problem: error.message }, 'talon.json cannot be used, so no setting was changed')
    }
  }

  inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  settle(): void {
    // Not what nobody confirmed, nor what no gateway has started with.
    if (this.#waiting || this.#restartRequired().length > 0) return
    this.#watchers.shielded(() => keepLastGood(this.#deps.home, this.#state.text))
  }

  abandon(): void {
    this.close()
    if (this.#waiting) this.#watchers.shielded(() => abandonChange(this.#deps))
  }

  close(): void {
    clearTimeout(this.#waiting?.timer)
  }

  /** @throws ConfigError */
  #judge(text: string | undefined): ConfigState {
    const loaded = resolveConfig(this.#deps, text)
    this.#deps.refuse(loaded)
    return { text, loaded }
  }

  /** What is asked for; undefined if that is nothing. */
  #plan(asked: SettingsChange): ConfigState | undefined {
    try {
      const wanted = readChanges(asked)
      refuseFixed(wanted, this.#state.loaded)
      if (wanted.size === 0) return undefined
      return this.#judge(changedText(configFile(this.#deps.home), this.#state.text, wanted))
    } catch (error) {
      throw refusalOf(error)
    }
  }

  /** Reads the file if somebody changed it by hand: a change must not undo that unseen. */
  #readAgain(): void {
    try {
      this.#readFile()
    } catch (error) {
      throw unusableFile(error)
    }
  }

  /** Whether there was anything new. @throws ConfigError, and nothing has changed */
  #readFile(): boolean {
    const { home, log } = this.#deps
    const text = readConfigText(home)
    if (text === this.#state.text) return false
    this.settle()
    const next = this.#judge(text)
    if (this.#waiting) {
      this.#stopWaiting()
      log.warn('talon.json was changed by hand, so the change before it is no longer taken back')
    }
    this.#tell(this.#adopt(next))
    return true
  }

  /** Writes the file, then takes it over. */
  #save(next: ConfigState, revert?: Revert): SettingKey[] {
    const { home } = this.#deps
    this.settle()
    try {
      if (revert) writeRevert(home, revert)
      replaceFile(configFile(home), next.text ?? '{}\n')
    } catch (error) {
      if (revert) dropRevert(home)
      throw new TalonError('STORAGE_UNAVAILABLE', `talon.json cannot be written: ${reasonOf(error)}.`, { cause: error })
    }
    return this.#adopt(next)
  }

  /** Says which values are others now, after everybody who has to know was told. */
  #adopt(next: ConfigState): SettingKey[] {
    const before = this.#state.loaded.values
    this.#state = next
    const { values } = next.loaded
    const changed = changedKeys(before, values)
    const live = changed.filter(key => settings[key].live)
    for (const key of live) this.#running[key] = values[key]
    this.#watchers.changed(live, this.config)
    return changed
  }

  #confirm({ connectionId, by }: ChangeSource): SettingsUpdate {
    if (!this.#waiting) return this.#describe([], 'Nothing was changed.')
    if (connectionId !== undefined && connectionId <= this.#waiting.since) {
      const words =
        'Confirm it over a connection that was opened after the change: it shows that one can still be opened.'
      throw new TalonError('CONFLICT', words)
    }
    this.#stopWaiting()
    return this.#tell([], 'The change is confirmed.', by)
  }

  #takeBackNow({ by }: ChangeSource): SettingsUpdate {
    if (!this.#waiting) throw new TalonError('CONFLICT', 'No change waits to be confirmed, so none can be taken back.')
    const { revert } = this.#waiting
    clearTimeout(this.#waiting.timer)
    return this.#takeBack(revert, 'The change was taken back.', by) ?? this.#describe([], 'Nothing was changed.')
  }

  /** What a change would do; nothing has changed. */
  #foresee({ loaded }: ConfigState): SettingsUpdate {
    const changed = changedKeys(this.#state.loaded.values, loaded.values)
    const restartRequired = changedKeys(this.#running, loaded.values).filter(key => !settings[key].live)
    return { hash: this.hash(), changed, restartRequired, message: 'It can be changed so.' }
  }

  #wait(revert: Revert, since: string): void {
    // A clock that was put back must not prolong it.
    const leftMs = Math.min(revert.until - this.#deps.clock.now(), revert.withinMs)
    const words = 'Nobody confirmed the change in time, so it was taken back.'
    const timer = setTimeout(() => this.#watchers.shielded(() => this.#takeBack(revert, words)), leftMs).unref()
    this.#waiting = { revert, since, timer }
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting?.timer)
    this.#waiting = undefined
    dropRevert(this.#deps.home)
  }

  /** Undefined where there was nothing to take back. */
  #takeBack(revert: Revert, words: string, by?: ChangeSource['by']): SettingsUpdate | undefined {
    const { home } = this.#deps
    this.#waiting = undefined
    // What was changed by hand since is kept.
    if (hashOf(readConfigText(home)) !== revert.hash) return void dropRevert(home)
    const changed = this.#adopt(this.#judge(revert.before ?? undefined))
    const update = this.#tell(changed, words, by)
    restoreBefore(home, revert)
    return update
  }

  #restartRequired(): SettingKey[] {
    return changedKeys(this.#running, this.#state.loaded.values)
  }

  #describe(changed: SettingKey[], message: string): SettingsUpdate {
    const state = { hash: this.hash(), changed, restartRequired: this.#restartRequired(), message }
    return this.#waiting ? { ...state, confirmBy: this.#waiting.revert.until } : state
  }

  #tell(changed: SettingKey[], more?: string, by?: ChangeSource['by']): SettingsUpdate {
    const update = this.#describe(changed, wordsFor(changed, this.#restartRequired(), more))
    const { message, restartRequired } = update
    this.#deps.log.info({ changed, restartRequired }, message)
    this.#watchers.updated(update, by)
    return update
  }
}
