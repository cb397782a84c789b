import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareFolder, syncFolder } from '../db/sqlite/open.ts'
import type { SessionPlace } from '../db/store.ts'
import { byGateway } from './actors.ts'
import { exportSession, safeName } from './export.ts'
import type { App } from './record.ts'

const dayMs = 24 * 60 * 60_000
const bytesPerMegabyte = 1024 * 1024
// Whatever the size: nobody's conversation of today goes away under their hands.
const keepRecentMs = dayMs
const pageSessions = 100
// What is left goes an hour later.
const maxSessionsPerPass = 10_000
// A disk that takes no file takes none of the next ones either; a few sessions that cannot be exported stop no others.
const maxFailures = 100
// It looks at every entry, in a thread of its own.
const measureTimeoutMs = 10 * 60_000

type Retained = Pick<App, 'audit' | 'store' | 'config' | 'clock' | 'log' | 'home' | 'lifecycle'>

/**
 * Exports and then deletes sessions that are past what the settings keep, oldest first. One that cannot be exported
 * stays, as does one in which something happens meanwhile.
 * @throws TalonError of the store
 */
export async function retain(app: Retained): Promise<void> {
  const until = await edgeOf(app)
  if (!until) return
  let after: SessionPlace | undefined
  let retired = 0
  let failures = 0
  for (let page = await next(app, until, after); page.length > 0; page = await next(app, until, after)) {
    for (const place of page) {
      after = place
      if (app.lifecycle.draining() || retired >= maxSessionsPerPass || failures >= maxFailures) {
        return report(app, retired)
      }
      const done = await retire(app, place.id)
      if (done === 'retired') retired += 1
      if (done === 'failed') failures += 1
    }
  }
  report(app, retired)
}

function next(app: Retained, until: SessionPlace, after: SessionPlace | undefined): Promise<SessionPlace[]> {
  return app.store.quietSessions({ until, after, limit: pageSessions })
}

/** The newest session that may go, or undefined if none may. */
async function edgeOf({ store, config, clock }: Retained): Promise<SessionPlace | undefined> {
  const maxAgeDays = config['retention.maxAgeDays']
  const maxMegabytes = config['retention.maxMegabytes']
  const now = clock.now()
  // No id is less than an empty one, so this is what was active before that time.
  const before = (lastActiveAt: number): SessionPlace => ({ lastActiveAt, id: '' })
  const byAge = maxAgeDays === null ? undefined : before(now - maxAgeDays * dayMs)
  if (maxMegabytes === null) return byAge
  const query = { maxBytes: maxMegabytes * bytesPerMegabyte }
  const beyond = await store.edgeOfNewest(query, { timeoutMs: measureTimeoutMs })
  if (!beyond) return byAge
  const bySize = [before(now - keepRecentMs), beyond].toSorted(compare)[0]
  return [bySize, byAge]
    .filter(place => place !== undefined)
    .toSorted(compare)
    .at(-1)
}

function compare(a: SessionPlace, b: SessionPlace): number {
  return a.lastActiveAt - b.lastActiveAt || (a.id < b.id ? -1 : 1)
}

async function retire(app: Retained, sessionId: string): Promise<'retired' | 'stays' | 'failed'> {
  try {
    const { session, text } = await exportSession(app, { sessionId, format: 'json' })
    const file = await writeExport(join(app.home, 'exports'), sessionId, app.clock.now(), text)
    const { epoch, seq, lastActiveAt, title } = session
    const details = { reason: 'retention', exported: file }
    const audit = app.audit.entry({ action: 'session.delete', target: sessionId, details }, byGateway)
    if (await app.store.retireSession({ sessionId, epoch, seq, lastActiveAt, at: app.clock.now(), audit })) {
      app.log.info({ sessionId, title, lastActiveAt, file }, 'a session is past its retention: exported, then deleted')
      return 'retired'
    }
    await rm(file, { force: true })
    return 'stays'
  } catch (error) {
    app.log.warn({ err: error, sessionId }, 'a session is past its retention and stays, because it was not exported')
    return 'failed'
  }
}

/** Writes it for good, for its owner alone; the file has its name only once it is whole. */
async function writeExport(
  folder: string,
  sessionId: string,
  at: number,
  text: AsyncIterable<string>,
): Promise<string> {
  prepareFolder(folder)
  const name = nameOf(sessionId)
  const partial = join(folder, `${name}.partial`)
  // 2026-02-19T120000Z: without what a file system minds.
  const time = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '')
  const file = join(folder, `${name}-${time}.json`)
  try {
    const handle = await open(partial, 'w', 0o600)
    try {
      for await (const piece of text) await handle.writeFile(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, file)
    syncFolder(folder)
    return file
  } catch (thrown) {
    await rm(partial, { force: true })
    throw thrown
  }
}

/** An id that is no name for a file is told apart from others like it by its hash. */
function nameOf(sessionId: string): string {
  const name = safeName(sessionId)
  if (name === sessionId) return name
  return `${name || 'session'}-${createHash('sha256').update(sessionId).digest('hex').slice(0, 8)}`
}

function report(app: Retained, retired: number): void {
  if (retired > 0) app.log.info({ sessions: retired }, 'sessions past their retention were exported and deleted')
}
