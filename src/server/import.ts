import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { importFolder } from '../db/legacy/import-folder.ts'
import { isOfStorage } from '../db/legacy/import-source.ts'
import type { FileReport, ImportProgress } from '../db/legacy/report.ts'
import { describe, readOldSettings } from '../db/legacy/settings.ts'
import { byGateway } from './actors.ts'
import type { GatewayLifecycle } from './lifecycle.ts'
import type { App } from './record.ts'

export interface FirstImport {
  start(): void
  /** Ends it where it is: the next start does the rest. */
  stop(): Promise<void>
}

// What storage lacks somebody has to see and to give first.
const defaultRetryAfterMs = 5_000
/**
 * Imports what v0.3.3 and v0.4.0 left in the data folder and was not imported yet. It runs beside everything else: the
 * gateway serves meanwhile, but says from now on that it is not ready. Where storage does not take it, it waits and tries
 * again; what is wrong with a file is logged, and holds up nothing.
 */
export function createFirstImport(
  app: Pick<App, 'audit' | 'home' | 'store' | 'config' | 'log' | 'clock' | 'newId'>,
  lifecycle: Pick<GatewayLifecycle, 'hold'>,
  retryAfterMs = defaultRetryAfterMs,
): FirstImport {
  const { home } = app
  if (!existsSync(join(home, 'sessions')) && !existsSync(join(home, 'talon.db')))
    return { start() {}, stop: async () => {} }
  const ending = new AbortController()
  let progress: Readonly<ImportProgress> | undefined
  let problem: string | undefined
  const release = lifecycle.hold(() => {
    if (problem !== undefined) return `The import of sessions of v0.3.3 waits: ${problem}`
    const { filesDone = 0, files } = progress ?? {}
    return files === undefined
      ? 'Looking for sessions of v0.3.3.'
      : `Importing sessions of v0.3.3: ${filesDone} of ${files} files.`
  })
  const onProgress = (now: Readonly<ImportProgress>) => {
    progress = now
    problem = undefined
  }
  const importUntilStored = async () => {
    const { signal } = ending
    for (let told = false; !signal.aborted; told = true) {
      problem = await importAll(app, signal, onProgress)
      if (problem === undefined) return
      if (!told) app.log.warn(`the import of sessions of v0.3.3 waits: ${problem}`)
      await setTimeout(retryAfterMs, undefined, { signal }).catch(() => undefined)
    }
  }
  let running: Promise<void> | undefined
  return {
    start() {
      running ??= importUntilStored().finally(release)
    },
    async stop() {
      ending.abort()
      await running
    },
  }
}

type ImportApp = Parameters<typeof createFirstImport>[0]

/** Nobody waits for it, so it throws nothing. @returns what storage lacks, if it is worth another try */
async function importAll(
  app: ImportApp,
  signal: AbortSignal,
  onProgress: (progress: Readonly<ImportProgress>) => void,
): Promise<string | undefined> {
  const { home, store, log, clock, newId } = app
  const startedAt = clock.monotonic()
  let announced = false
  try {
    // Nothing is read, and no old database is copied, for a store that does not take it.
    await store.probe({ at: clock.now() })
    const report = await importFolder({
      path: home,
      home,
      scratch: join(home, 'run'),
      into: { store },
      newId,
      now: () => clock.now(),
      onlyNew: true,
      signal,
      onProgress(progress) {
        onProgress(progress)
        if (announced || progress.messages === 0) return
        announced = true
        log.info({ files: progress.files, bytes: progress.bytes }, 'importing sessions of v0.3.3')
      },
      onFile: file => tell(log, file),
    })
    const { sessions, messagesStored, failed } = report.totals
    if (sessions + failed === 0) return undefined
    const durationMs = Math.round(clock.monotonic() - startedAt)
    log.info({ sessions, messages: messagesStored, failed, durationMs }, 'sessions of v0.3.3 were imported')
    await app.audit.record(
      { action: 'data.import', details: { sessions, messages: messagesStored, failed } },
      byGateway,
    )
    await tellOfSettings(app)
  } catch (error) {
    if (signal.aborted) log.info('the import of sessions of v0.3.3 goes on at the next start')
    else if (isOfStorage(error)) return error.message
    else log.error({ err: error }, 'the import of sessions of v0.3.3 failed: it goes on at the next start')
  }
  return undefined
}

function tell(log: App['log'], { file, outcome, error, warnings, sessionId }: FileReport): void {
  if (error !== undefined) {
    // What cannot be read is not read by hand either; what changed only waits for a word.
    const wayOn =
      outcome === 'changed' ? ' (stop the gateway first).' : ' Once the file is mended, the next start imports it.'
    log.warn({ file, error }, `${file} of an older Talon was not imported: ${error}${wayOn}`)
  } else if (warnings.length > 0) log.warn({ file, sessionId, warnings }, 'a file of v0.3.3 was imported with warnings')
}

/** By their names: a log is no place for keys. */
async function tellOfSettings({ home, config, log }: ImportApp): Promise<void> {
  if (config['agent.providers'].length > 0) return
  const named = describe(await readOldSettings(home))
  if (named === undefined) return
  log.info(`${named} Stop the gateway and take them over with: talon import --settings`)
}
