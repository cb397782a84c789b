import { LRUCache } from 'lru-cache'
import { examine, type Live, type Report } from './doctor.ts'
import type { App, Doctor, ReportOptions } from './record.ts'

// A report reads the database, runs a program and asks providers: no caller can make that happen oftener.
const keptMs = 10_000
// Of each kind that was asked for; there are more kinds than anybody uses.
const maxKept = 16

/**
 * The doctor of a gateway that runs.
 * @param env of the process; nothing of it is told
 */
export function createDoctor(app: App, env: Readonly<Record<string, string | undefined>>): Doctor {
  const { clock } = app
  const kept = new LRUCache<string, { at: number; report: Promise<Report> }>({ max: maxKept })
  return {
    report(options) {
      const key = keyOf(options)
      const last = kept.get(key)
      if (last && clock.monotonic() - last.at < keptMs) return last.report
      const report = examine({ ...inputOf(app, env), ...options, full: options.full === true })
      const made = { at: clock.monotonic(), report }
      kept.set(key, made)
      // It counts from its end, because one of a large database may take longer than it is kept.
      report.then(
        () => {
          made.at = clock.monotonic()
        },
        () => kept.delete(key),
      )
      return report
    },
  }
}

function keyOf({ full = false, offline = false, groups }: ReportOptions): string {
  return JSON.stringify([full, offline, groups && [...new Set(groups)].sort()])
}

function inputOf(app: App, env: Readonly<Record<string, string | undefined>>) {
  const { home, version, config, clock } = app
  return { home, version, config, env, now: clock.now(), monotonic: clock.monotonic, live: liveOf(app) }
}

function liveOf(app: App): Live {
  const { store, lifecycle, connections, models, limits, logs, backups, settings, sandbox, tools, schedules } = app
  const { problems, notices } = store.health()
  return {
    problems: [...new Set([...lifecycle.problems(), ...problems])],
    notices,
    draining: lifecycle.draining(),
    connections: connections.count(),
    pools: models.pools(),
    refused: limits.stats().refused,
    lostLogLines: logs.stats().lost,
    lastBackup: backups.last(),
    waitingSettings: settings.list().flatMap(({ key, restartRequired }) => (restartRequired ? [key] : [])),
    brokenTools: tools
      .list()
      .flatMap(({ group, name, reason }) => (group === 'own' && reason ? [{ name, reason }] : [])),
    sandbox,
    schedules: schedules.stats(),
  }
}
