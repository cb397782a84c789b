import { setImmediate as breathe } from 'node:timers/promises'
import type { LogEntry, WholeSession } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { ExportedMessage } from '../protocol/session-export.ts'
import type { Session } from '../protocol/shapes.ts'
import { writeJson } from './export-json.ts'
import { writeMarkdown } from './export-markdown.ts'
import type { App } from './record.ts'

export const exportFormats = ['json', 'md'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** A session on its way out, in pieces of about a page of its log. */
export interface SessionExport {
  /** As it is in the export. */
  session: Session
  /** Of letters, digits and `-_.` only, safe on any system and in a header. */
  fileName: string
  contentType: string
  text: AsyncGenerator<string, void>
}

/** One epoch of an export; its entries come in pages, in order. */
export interface ExportedEpoch {
  epoch: number
  pages: AsyncGenerator<ExportedMessage[], void>
}

/** All that an export is written from. */
export interface ExportSource {
  whole: WholeSession
  exportedAt: number
  epochs: AsyncGenerator<ExportedEpoch, void>
}

// A page that is read and written at once: little enough that nobody waits behind it.
const pageEntries = 200
const pageBytes = 256 * 1024
// Epochs without entries cost a read each; others are served after so many.
const epochsPerTurn = 50
const maxNameLength = 60

/**
 * Exports a session, or one epoch of it, as it is now: entries that come later are not in it. Nothing but a page of it
 * is in memory at a time.
 * @throws TalonError `SESSION_NOT_FOUND`, `NOT_FOUND` for an epoch; the text throws if the session is deleted meanwhile
 */
export async function exportSession(
  app: Pick<App, 'store' | 'clock'>,
  asked: { sessionId: string; format: ExportFormat; epoch?: number | undefined },
): Promise<SessionExport> {
  const { sessionId, format, epoch } = asked
  const whole = await app.store.getWholeSession(sessionId)
  if (!whole) throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
  const newest = whole.session.epoch
  if (epoch !== undefined && (!Number.isInteger(epoch) || epoch < 1 || epoch > newest)) {
    throw new TalonError('NOT_FOUND', `This session has no epoch ${epoch}: they are 1 to ${newest}.`)
  }
  const exportedAt = app.clock.now()
  const epochs = epochsOf(app, whole, epoch ?? 1, epoch ?? newest)
  const source = { whole, exportedAt, epochs }
  return {
    session: whole.session,
    fileName: `talon-${nameOf(whole)}-${new Date(exportedAt).toISOString().slice(0, 10)}.${format}`,
    contentType: format === 'json' ? 'application/json; charset=utf-8' : 'text/markdown; charset=utf-8',
    text: format === 'json' ? writeJson(source) : writeMarkdown(source),
  }
}

/** A text as a part of a file's name. */
export function safeName(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .slice(0, maxNameLength)
    .replace(/^-+|-+$/g, '')
}

function nameOf({ session }: WholeSession): string {
  return safeName(session.title ?? '') || safeName(session.id) || 'session'
}

async function* epochsOf(
  app: Pick<App, 'store'>,
  { session }: WholeSession,
  first: number,
  last: number,
): AsyncGenerator<ExportedEpoch, void> {
  for (let epoch = first; epoch <= last; epoch++) {
    if ((epoch - first) % epochsPerTurn === epochsPerTurn - 1) await breathe()
    // Runs may still write into an archived epoch, which is then as long as it is when it is read.
    const through = epoch === session.epoch ? session.seq : Number.MAX_SAFE_INTEGER
    yield { epoch, pages: pagesOf(app, session.id, epoch, through) }
  }
}

async function* pagesOf(
  app: Pick<App, 'store'>,
  sessionId: string,
  epoch: number,
  through: number,
): AsyncGenerator<ExportedMessage[], void> {
  for (let after = 0; after < through; ) {
    const place = { sessionId, epoch, after, before: through + 1, limit: pageEntries, maxBytes: pageBytes }
    const { entries, hasMore } = await app.store.history(place)
    const last = entries.at(-1)
    if (!last) return
    yield await withKept(app, entries)
    if (!hasMore) return
    after = last.seq
    await breathe()
  }
}

async function withKept(app: Pick<App, 'store'>, entries: readonly LogEntry[]): Promise<ExportedMessage[]> {
  const kept = await app.store.getKeptOfImports(entries.map(({ message }) => message.id))
  const keptOf = new Map(kept.map(each => [each.messageId, each]))
  return entries.map(({ message, final }) => {
    const { legacyId, legacy } = keptOf.get(message.id) ?? {}
    return { ...message, ...(final && { final }), ...(legacyId && { legacyId }), ...(legacy && { legacy }) }
  })
}
