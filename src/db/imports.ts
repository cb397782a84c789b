import type { Session } from '../protocol/shapes.ts'
import type { Audited } from './audit.ts'
import type { ImportedEntry, ImportedSession, ImportRecord, ImportSource, KeptOfImport, RequestKey } from './records.ts'

export interface ImportCommands {
  /**
   * Begins a session that nobody sees before `finishImport`. Where the id is taken, it gets the spare one. What a crash
   * leaves of it is erased after the next start.
   */
  beginImport(input: { id: string; spareId: string; at: number }): Promise<{ sessionId: string }>
  /**
   * Appends to an epoch of it, in order; a few hundred entries at a time, so that others come between. Several calls may
   * be on their way at once.
   */
  importEntries(input: { sessionId: string; epoch: number; entries: ImportedEntry[] }): Promise<void>
  /**
   * Reads back what was stored, compares counts and a hash with what was handed in, and then shows the session, with
   * this epoch as its current one. `INTERNAL` if they differ: the session is erased then.
   */
  finishImport(
    input: Audited<{
      sessionId: string
      epoch: number
      session: ImportedSession
      source?: ImportSource | undefined
      /** What a repeat of this request is told, kept in the commit that shows the session. */
      reply?: { request: RequestKey; reply: Record<string, unknown> } | undefined
      at: number
    }>,
  ): Promise<{ session: Session; entries: number; hash: string }>
  /** Gives up an import: what it stored is erased. */
  abandonImport(input: { sessionId: string }): Promise<void>
  /** At start, before any other import begins: what a crash cut short is marked for `eraseDeleted`. */
  dropUnfinishedImports(): Promise<{ dropped: number }>
  /** Records a source of which everything is in this session already, or of which none came. */
  recordImport(input: { source: ImportSource; sessionId: string | null; at: number }): Promise<void>
}

export interface ImportQueries {
  /** Of these messages, those that an import kept something beside. */
  getKeptOfImports(messageIds: readonly string[]): Promise<KeptOfImport[]>
  /** What was imported of this place, newest first, or of sources of this size or content; some of many. */
  findImports(
    query: { folder: string; source: string } | { sizeBytes: number; sha256?: string },
  ): Promise<ImportRecord[]>
}
