import type { AuditEntry, ImportedEntry, RequestKey } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import {
  type ExportedMessage,
  type ExportedSession,
  exportedEpochSchema,
  exportedMessageSchema,
  exportedSessionSchema,
  exportFormat,
  exportVersion,
} from '../protocol/session-export.ts'
import { type JsonPart, type JsonPath, jsonParts } from './json-parts.ts'
import type { App } from './record.ts'

export interface ImportedSessionFile {
  sessionId: string
  /** How many messages it has, in all epochs. */
  messages: number
  /** Whether it got another id, because a session of this gateway has its own. */
  renamed: boolean
}

// A message with its tool calls: the most that a tool may give (16 MiB) with what JSON escapes in it. It is parsed in one
// piece, and while that lasts nobody else is served.
const maxPartBytes = 20 * 1024 * 1024
// What one command of the writer carries, so that others come between.
const batchEntries = 200
const batchBytes = 512 * 1024
// While some are stored the next are read.
const maxBatchesUnderWay = 4

/**
 * Makes a session of an exported one, whole or not at all, in the memory of its largest message.
 * @param requestOf asked once all is read: whose repeat is told what this was
 * @param auditOf the entry for the audit trail, in the commit that shows the session
 * @throws TalonError `INVALID_MESSAGE` that names what is wrong, `TOO_LARGE` for a message that is too large to read
 */
export async function importSession(
  app: Pick<App, 'store' | 'clock' | 'newId'>,
  chunks: AsyncIterable<Uint8Array>,
  requestOf?: (() => RequestKey | undefined) | undefined,
  auditOf?: ((imported: ImportedSessionFile) => AuditEntry) | undefined,
): Promise<ImportedSessionFile> {
  const reading = new Reading(app)
  try {
    for await (const parts of jsonParts(chunks, { opens, maxBytes: maxPartBytes })) {
      for (const part of parts) await reading.take(part)
    }
    return await reading.finish(requestOf?.(), auditOf)
  } catch (thrown) {
    await reading.abandon()
    throw thrown
  }
}

/** The epochs and their messages come one by one, everything else whole. */
function opens(path: JsonPath): boolean {
  if (path.length === 0 || path[0] !== 'epochs') return false
  return path.length <= 2 || (path.length === 3 && path[2] === 'messages')
}

/** One file on its way into the store. */
class Reading {
  readonly #app: Pick<App, 'store' | 'clock' | 'newId'>
  #said = { format: false, version: false }
  #session: ExportedSession | undefined
  /** Of the session that is being made; undefined before its first message. */
  #sessionId: string | undefined
  /** How many messages each epoch has so far. */
  readonly #epochs = new Map<number, number>()
  #epoch: { at: string | number; number: number } | undefined
  #batch: ImportedEntry[] = []
  #batchBytes = 0
  readonly #underWay: Promise<void>[] = []

  constructor(app: Pick<App, 'store' | 'clock' | 'newId'>) {
    this.#app = app
  }

  async take({ path, value, bytes }: JsonPart): Promise<void> {
    const [member, at, name, index] = path
    if (member === 'format') this.#takeFormat(value)
    else if (member === 'version') this.#takeVersion(value)
    else if (member === 'session') this.#session = parsed(exportedSessionSchema, value, 'session')
    else if (member !== 'epochs') return
    else if (typeof at !== 'number') throw invalid('epochs', 'must be a list of epochs')
    else if (typeof name !== 'string') throw invalid(`epochs.${at}`, 'must be an object with "epoch" and "messages"')
    else if (name === 'epoch') await this.#takeEpoch(at, value)
    else if (name !== 'messages') return
    else if (typeof index !== 'number') throw invalid(`epochs.${at}.messages`, 'must be a list of messages')
    else await this.#takeMessage(path, parsed(exportedMessageSchema, value, path.join('.')), bytes)
  }

  async finish(
    request: RequestKey | undefined,
    auditOf: ((imported: ImportedSessionFile) => AuditEntry) | undefined,
  ): Promise<ImportedSessionFile> {
    const session = this.#session
    if (!this.#said.format) throw notExported()
    if (!this.#said.version) throw invalid('version', `must be ${exportVersion}`)
    if (!session) throw invalid('session', 'is missing')
    await this.#flush()
    await Promise.all(this.#underWay)
    const sessionId = await this.#begin()
    const renamed = sessionId !== session.id
    const epoch = this.#epochs.size > 0 ? Math.max(...this.#epochs.keys()) : (session.epoch ?? 1)
    // Of one archived epoch alone: what the session knew of its newest one is not about this.
    const isNewest = session.epoch === undefined || session.epoch === epoch
    const { usage: spent, forkedFrom, legacy, memorySummary, summaryThroughSeq, ...rest } = session
    const messages = [...this.#epochs.values()].reduce((sum, count) => sum + count, 0)
    const imported = { sessionId, messages, renamed }
    await this.#app.store.finishImport({
      sessionId,
      epoch,
      session: {
        ...rest,
        forkedFrom,
        aside: renamed || Boolean(forkedFrom),
        spent,
        legacy: legacy ?? undefined,
        memorySummary: isNewest ? memorySummary : null,
        summaryThroughSeq: Math.min(summaryThroughSeq ?? 0, this.#epochs.get(epoch) ?? 0),
      },
      reply: request && { request, reply: imported },
      audit: auditOf?.(imported),
      at: this.#app.clock.now(),
    })
    this.#sessionId = undefined
    return imported
  }

  /** Leaves nothing behind. What cannot be erased now is hidden, and erased at the next start. */
  async abandon(): Promise<void> {
    const sessionId = this.#sessionId
    this.#sessionId = undefined
    await Promise.allSettled(this.#underWay)
    if (sessionId !== undefined) await this.#app.store.abandonImport({ sessionId }).catch(() => undefined)
  }

  #takeFormat(value: unknown): void {
    if (value !== exportFormat) throw notExported()
    this.#said.format = true
  }

  #takeVersion(value: unknown): void {
    if (value === exportVersion) this.#said.version = true
    else throw invalid('version', `must be ${exportVersion}. A newer Talon wrote this: import it there`)
  }

  async #takeEpoch(at: number, value: unknown): Promise<void> {
    const number = parsed(exportedEpochSchema, value, `epochs.${at}.epoch`)
    if (this.#epochs.has(number)) throw invalid(`epochs.${at}.epoch`, `${number} comes twice`)
    await this.#flush()
    this.#epochs.set(number, 0)
    this.#epoch = { at, number }
  }

  async #takeMessage([, at]: JsonPath, message: ExportedMessage, bytes: number): Promise<void> {
    const epoch = this.#epoch
    if (!epoch || epoch.at !== at) throw invalid(`epochs.${at}.epoch`, 'must come before its messages')
    const { number } = epoch
    if (this.#batchBytes + bytes > batchBytes) await this.#flush()
    this.#epochs.set(number, (this.#epochs.get(number) ?? 0) + 1)
    this.#batch.push({ ...message, spareId: this.#app.newId() })
    this.#batchBytes += bytes
    if (this.#batch.length >= batchEntries || this.#batchBytes >= batchBytes) await this.#flush()
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0 || !this.#epoch) return
    const entries = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    const { number: epoch } = this.#epoch
    const stored = this.#app.store.importEntries({ sessionId: await this.#begin(), epoch, entries })
    // Whoever waits for it hears of a failure; that may be the one after the next batch.
    stored.catch(() => undefined)
    this.#underWay.push(stored)
    if (this.#underWay.length >= maxBatchesUnderWay) await this.#underWay.shift()
  }

  async #begin(): Promise<string> {
    if (this.#sessionId !== undefined) return this.#sessionId
    // Where the session comes after its epochs, its id is not known yet.
    const spareId = `sess_${this.#app.newId()}`
    const id = this.#session?.id ?? spareId
    const at = this.#app.clock.now()
    ;({ sessionId: this.#sessionId } = await this.#app.store.beginImport({ id, spareId, at }))
    return this.#sessionId
  }
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } }
}

function parsed<T>(schema: Schema<T>, value: unknown, at: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw invalid([at, ...(issue?.path ?? [])].map(String).join('.'), issue?.message ?? 'not valid')
}

function invalid(path: string, problem: string): TalonError {
  return new TalonError('INVALID_MESSAGE', `${path}: ${problem}. Nothing was imported.`, {
    details: [{ path, message: problem }],
  })
}

function notExported(): TalonError {
  return new TalonError(
    'INVALID_MESSAGE',
    `format: must be "${exportFormat}". This is not a session that Talon exported; sessions of v0.3 are imported with: talon import <folder>`,
    { details: [{ path: 'format', message: `must be "${exportFormat}"` }] },
  )
}
