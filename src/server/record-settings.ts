import type { SettingInfo } from '../protocol/requests/config.ts'
import type { Actor } from './record-audit.ts'
import type { Config, SettingKey } from './settings.ts'

/** The settings, which change while the gateway runs; `App.config` always has the values that are in effect. */
export interface Settings {
  /** What tells this state of `talon.json` from another. */
  hash(): string
  /** Every setting as it may be shown. */
  list(): SettingInfo[]
  /**
   * Changes the file, and at once what needs no restart: all of it or nothing.
   * @throws TalonError `CONFLICT`, `INVALID_MESSAGE`, `STORAGE_UNAVAILABLE`
   */
  update(change: SettingsChange, from: ChangeSource): SettingsUpdate
  /** The change that waits to be confirmed, with what it changed; undefined if there is none. */
  waiting(): WaitingChange | undefined
  /** Reads the file again. A file that cannot be used changes nothing and is logged. */
  reload(): void
  /** Calls the listener after one of these settings got another value; the returned function ends that. */
  onChange(keys: readonly SettingKey[], listener: (config: Config) => void): () => void
  /** Calls the listener after each change of the settings, whatever made it; `by` is absent where nobody asked. */
  onUpdate(listener: (update: SettingsUpdate, by?: Actor) => void): () => void
  /** Does one such work after the other. */
  inOrder<Result>(work: () => Promise<Result>): Promise<Result>
}

export interface SettingsChange {
  /** Of the state that the change is made from. */
  hash: string
  /** By key; null is the default where the setting has no such value. */
  changes: Readonly<Record<string, unknown>>
  /** Keys that go back to their default. */
  reset?: readonly string[] | undefined
  /** Unless it is confirmed in this time, the change is taken back. */
  confirmWithinMs?: number | undefined
  /** Only says what it would do, or why it cannot be done. */
  dryRun?: boolean | undefined
  /** Takes back the change that waits to be confirmed; then nothing else is changed. */
  takeBack?: boolean | undefined
}

/** One setting with two values, as they may be shown. */
export interface SettingChange {
  key: SettingKey
  before: unknown
  after: unknown
}

export interface WaitingChange {
  /** Unix ms. */
  confirmBy: number
  changes: SettingChange[]
}

/** Over what a change was asked for. */
export interface ChangeSource {
  /** Id of the WebSocket connection; undefined for HTTP. Ids sort by time. */
  connectionId: string | undefined
  /** A new id of that kind. */
  newId: () => string
  /** Who asks; the gateway itself if absent. */
  by?: Actor | undefined
}

export interface SettingsUpdate {
  hash: string
  /** Keys whose value is another now. */
  changed: SettingKey[]
  /** Keys of which the gateway still works with an earlier value. */
  restartRequired: SettingKey[]
  /** For a person. */
  message: string
  /** Unix ms until which what waits has to be confirmed. */
  confirmBy?: number
}
