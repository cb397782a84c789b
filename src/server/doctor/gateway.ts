import { type Check, type Finding, info, type Live, ok, type Subject, warn } from './check.ts'
import { ageText, countText, namesText } from './words.ts'

// Of what the settings allow.
const fullShare = 0.9

/** What the gateway that runs says of itself, and nobody else could. */
export const gatewayCheck: Check = {
  name: 'gateway',
  group: 'gateway',
  look(subject) {
    const { live } = subject
    if (!live) return []
    return [
      ...lookAtWork(live),
      ...lookAtConnections(live, subject),
      ...lookAtPools(live),
      ...lookAtRefusals(live),
      ...lookAtLog(live),
      ...lookAtBackup(live),
      ...lookAtSettings(live),
      ...lookAtSandbox(live),
      ...lookAtOwnTools(live),
      ...lookAtSchedules(live, subject),
    ]
  },
}

function lookAtWork({ problems, notices, draining }: Live): Finding[] {
  const noticed = notices.map(notice => info('gateway.notice', notice, null))
  if (draining) return [info('gateway.ready', 'It is stopping and takes nothing new.', null), ...noticed]
  if (problems.length === 0) return [ok('gateway.ready', 'It takes work.'), ...noticed]
  const fix = 'What is said of the disk and the database above tells how.'
  return [...problems.map(problem => warn('gateway.ready', 'It takes nothing new now.', problem, fix)), ...noticed]
}

function lookAtConnections({ connections }: Live, { config }: Subject): Finding[] {
  const most = config?.['server.maxConnections'] ?? Number.POSITIVE_INFINITY
  const title = `${countText(connections, 'connection')} of at most ${most} are open.`
  if (connections < most * fullShare) return [ok('gateway.connections', title)]
  const fix = `talon config set server.maxConnections=${most * 2}, if this machine has the memory.`
  return [warn('gateway.connections', title, 'More are refused with 503.', fix)]
}

function lookAtPools({ pools }: Live): Finding[] {
  return pools.map(({ provider, connected, running, queued }) => {
    const title = `${provider}: ${countText(connected, 'socket')}, ${countText(running, 'call')} under way`
    if (queued === 0) return ok('gateway.pools', `${title}.`)
    const fix = 'talon config set agent.poolConnections=128, if the provider allows it, and restart.'
    return warn('gateway.pools', `${title}, ${queued} wait for a free socket.`, null, fix)
  })
}

function lookAtRefusals({ refused }: Live): Finding[] {
  const counts = Object.entries(refused).filter(([, count]) => count > 0)
  if (counts.length === 0) return [ok('gateway.limits', 'No limit was hit since the start.')]
  const names = counts.sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`)
  const fix = 'Who it was says the log: talon logs --text RATE_LIMITED. Limits are settings: docs/limits.md'
  return [info('gateway.limits', `Limits refused requests since the start: ${namesText(names)}.`, null, fix)]
}

function lookAtLog({ lostLogLines }: Live): Finding[] {
  if (lostLogLines === 0) return []
  const title = `${countText(lostLogLines, 'line')} of the log were lost.`
  const fix = 'See what reads its output too slowly, or log to a file: talon config set log.file=logs/gateway.log'
  return [warn('gateway.log', title, 'Whoever takes the log did not take them in time.', fix)]
}

function lookAtBackup({ lastBackup }: Live): Finding[] {
  if (!lastBackup || lastBackup.ok) return []
  const title = `The last backup failed, at ${new Date(lastBackup.at).toISOString()}.`
  return [warn('gateway.backup', title, lastBackup.error, 'Mend that, then: talon backup')]
}

function lookAtSettings({ waitingSettings }: Live): Finding[] {
  if (waitingSettings.length === 0) return []
  const title = `It works with earlier values of ${namesText(waitingSettings)}.`
  return [info('gateway.settings', title, 'They were changed, and need a restart.', 'talon restart')]
}

function lookAtOwnTools({ brokenTools }: Live): Finding[] {
  return brokenTools.map(({ name, reason }) => {
    const fix = 'Mend the file; it is read again at once. docs/own-tools.md shows one that works.'
    return warn('gateway.tools', `The own tool ${name} cannot be used.`, reason, fix)
  })
}

function lookAtSchedules({ schedules: { overdue, stopped } }: Live, { now }: Subject): Finding[] {
  const late = overdue.map(({ name, dueAt }) => {
    const title = `The schedule ${JSON.stringify(name)} has waited for its turn for ${ageText(now - dueAt)}.`
    const fix = 'See what its runs do: talon schedule list. More may run at once: talon config set schedule.maxRuns=8'
    return warn('gateway.schedules', title, null, fix)
  })
  const paused = stopped.map(({ name, reason }) => {
    const fix = 'Mend that, then: talon schedule resume <id>. Or remove it: talon schedule remove <id>'
    return warn('gateway.schedules', `The schedule ${JSON.stringify(name)} is paused.`, reason, fix)
  })
  return [...late, ...paused]
}

function lookAtSandbox({ sandbox: { level, reason } }: Live): Finding[] {
  const title = `Commands of tools run with the sandbox "${level}".`
  return [level === 'full' ? ok('gateway.sandbox', title) : info('gateway.sandbox', title, reason ?? null)]
}
