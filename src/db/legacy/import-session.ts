import { createHash } from 'node:crypto'
import type { ImportedSession, ImportRecord, ImportSource } from '../store.ts'
import { createBatches } from './batches.ts'
import { toEntry } from './message.ts'
import { createWarnings, type FileReport } from './report.ts'
import { type Told, toSession } from './session.ts'
import type { Sink, Writing } from './sink.ts'
import type { Piece, Source } from './source.ts'
import { isRecord, textOf } from './values.ts'

const maxIdLength = 128

export interface SessionImport {
  source: Source
  /** As the store remembers it. */
  folder: string
  sink: Sink
  /** What an earlier run imported of this file, which is not the same any more. */
  earlier: ImportRecord | undefined
  newId: () => string
  signal?: AbortSignal | undefined
  /** Hears of messages as they are read, and of about how many bytes they were. */
  onRead: (messages: number, bytes: number) => void
}

/**
 * Imports one session, whole or not at all. Of a file that begins with all that was imported of it before, only the rest
 * is taken, as a session of its own: nobody's log grows in the middle of a conversation.
 * @throws OldFileError, TalonError
 */
export async function importSession(options: SessionImport): Promise<FileReport> {
  const { source, sink, earlier, signal } = options
  const reading = createReading(options)
  let writing: Promise<Writing> | undefined
  const begin = () => {
    writing ??= beginSession(options, reading)
    return writing
  }
  const batches = createBatches(begin)
  try {
    for await (const pieces of source.read()) {
      signal?.throwIfAborted()
      const bytes = pieces.reduce((sum, piece) => sum + reading.take(piece, batches.push), 0)
      options.onRead(pieces.length, bytes)
      await batches.send()
      if (reading.differs()) return reading.report('changed', null, 0)
    }
    if (reading.isShorter()) return reading.report('changed', null, 0)
    if (earlier && reading.told.messages === 0) {
      await sink.record(await reading.about(), earlier.sessionId)
      return reading.report('known', earlier.sessionId, 0)
    }
    const stored = await batches.finish()
    const { sessionId, finish } = await begin()
    await finish(reading.session(sessionId), await reading.about())
    return reading.report(earlier ? 'grown' : 'imported', sessionId, stored)
  } catch (thrown) {
    // Whoever ends it wants to be gone: what is stored is hidden, and erased at the next start.
    if (!signal?.aborted) await giveUp(batches, writing)
    throw thrown
  }
}

type Reading = ReturnType<typeof createReading>

/** Under the old id, which a rest of a session cannot have as well. */
async function beginSession({ sink, earlier, newId }: SessionImport, reading: Reading): Promise<Writing> {
  const id = reading.id().toWellFormed()
  const asked = earlier || id.length > maxIdLength ? newId() : id
  const writing = await sink.begin(asked)
  if (writing.sessionId !== asked)
    reading.warn(`Another session has the id ${asked} already: this one is ${writing.sessionId} here.`)
  return writing
}

async function giveUp(batches: { settle(): Promise<void> }, writing: Promise<Writing> | undefined): Promise<void> {
  await batches.settle()
  // The reason for it is thrown already; what stays is hidden, and erased at the next start.
  await writing?.then(({ abandon }) => abandon()).catch(() => undefined)
}

/** What is known of a session while it is read. */
function createReading({ source, folder, earlier, newId }: SessionImport) {
  const members = new Map<string, unknown>()
  const warnings = createWarnings()
  const hash = createHash('sha256')
  const told: Told = { messages: 0, firstAt: undefined, lastAt: undefined, channel: undefined }
  let read = 0
  // What the next run will find again, even if the file grows: all messages but one that is cut.
  let whole = 0
  let differs = false
  const id = () => textOf(members.get('id')) ?? source.sessionId

  /** True for what was imported before. */
  function isKnown(): boolean {
    if (!earlier || read > earlier.messagesRead) return false
    if (read === earlier.messagesRead) differs = hash.copy().digest('hex') !== earlier.messagesHash
    return true
  }

  function toNewEntry(piece: Piece & { kind: 'message' }) {
    const position = read
    const entry = toEntry(piece.value, {
      channel: textOf(members.get('channel')) ?? told.channel,
      previousAt: told.lastAt ?? source.modifiedAt,
      newId,
      // Of one that is cut it is said anyway that not all of it is there.
      warn: problem => !piece.cut && warnings.add(`Message ${position} ${problem}.`),
    })
    told.messages += 1
    told.firstAt ??= entry.timestamp
    told.lastAt = entry.timestamp
    return piece.cut ? { ...entry, incomplete: true } : entry
  }

  return {
    told,
    id,
    warn: warnings.add,
    differs: () => differs,
    isShorter: () => earlier !== undefined && read < earlier.messagesRead,
    /** @returns about how many bytes it was */
    take(piece: Piece, push: (entry: ReturnType<typeof toNewEntry>, chars: number) => void): number {
      if (piece.kind === 'member') members.set(piece.key, piece.value)
      else if (piece.kind !== 'message') warnings.add(piece.warning)
      if (piece.kind === 'member' || piece.kind === 'lost') return 0
      read += 1
      if (!piece.cut) whole += 1
      if (piece.kind !== 'message') return 0
      if (!piece.cut) hash.update(piece.text)
      if (isRecord(piece.value)) told.channel ??= textOf(piece.value.channel)
      if (!isKnown()) push(toNewEntry(piece), piece.text.length)
      return piece.text.length
    },
    session(sessionId: string): ImportedSession {
      const session = toSession(members, {
        sessionId: id(),
        modifiedAt: source.modifiedAt,
        told,
        warn: warnings.add,
      })
      if (!earlier) return session
      warnings.add(`The file has grown since it was imported: what is new in it is session ${sessionId}.`)
      const title = session.title ?? `Continued from ${earlier.sessionId}`
      return { ...session, title, legacy: { ...session.legacy, continues: earlier.sessionId } }
    },
    async about(): Promise<ImportSource> {
      const { name, modifiedAt } = source
      const sizeBytes = await source.sizeBytes()
      const sha256 = await source.sha256()
      const messages = { messagesRead: whole, messagesHash: hash.copy().digest('hex') }
      return { folder, source: name, sizeBytes, modifiedAt, sha256, ...messages, warnings: warnings.list() }
    },
    report(outcome: FileReport['outcome'], sessionId: string | null, messagesStored: number): FileReport {
      return { file: source.name, outcome, sessionId, messagesRead: read, messagesStored, warnings: warnings.list() }
    },
  }
}
