import { createHash } from 'node:crypto'
import { lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareFolder, syncFolder } from '../db/sqlite/open.ts'
import type { Attachment, Store } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import { contentOf } from './backups.ts'
import type { Clock } from './record.ts'
import type { Config } from './settings.ts'

export type { Attachment }

/** An attachment as results name it. */
export type AttachmentRef = Pick<Attachment, 'id' | 'name' | 'mime' | 'bytes'>

export interface NewAttachment {
  sessionId: string | undefined
  invocationId: string
  /** For people; what no file name may hold is taken out of it. */
  name: string
  mime: string
  content: Buffer
}

/** Files that tools make for people, in a folder of the data folder that no tool can reach. */
export interface Attachments {
  /** Keeps one for good. @throws TalonError `TOO_LARGE`, or of the store */
  add(file: NewAttachment): Promise<AttachmentRef>
  /** @throws TalonError `NOT_FOUND`; also where its session is deleted */
  find(id: string): Promise<Attachment>
  read(attachment: Attachment): ReadableStream<Uint8Array<ArrayBuffer>>
  /** Of a session, newest first. */
  list(sessionId: string): Promise<Attachment[]>
  /** Removes what is past its time, and files that nothing names any more; how many of those. */
  prune(): Promise<number>
}

export interface AttachmentParts {
  home: string
  store: Pick<Store, 'addAttachment' | 'pruneAttachments' | 'getAttachment' | 'listAttachments' | 'keptContents'>
  config: Config
  clock: Pick<Clock, 'now'>
  newId: () => string
}

/** One is held in memory when it is made. */
const maxBytes = 16 * 1_048_576
const maxNameLength = 120
const dayMs = 86_400_000
const megabyte = 1_048_576
const contentName = /^[0-9a-f]{64}$/

export function createAttachments({ home, store, config, clock, newId }: AttachmentParts): Attachments {
  const folder = join(home, 'attachments')
  const pathOf = (sha256: string) => join(folder, sha256.slice(0, 2), sha256)
  // Of two with the same content one could be removed while the other is added: one after another, neither is.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }
  const removeUnnamed = async (hashes: readonly string[]) => {
    const kept = new Set(await store.keptContents(hashes))
    const gone = hashes.filter(hash => !kept.has(hash))
    for (const hash of gone) await rm(pathOf(hash), { force: true })
    return gone.length
  }
  return {
    async add({ sessionId = null, invocationId, name, mime, content }) {
      if (content.length > maxBytes) throw tooLarge(content.length)
      const sha256 = createHash('sha256').update(content).digest('hex')
      const ref = { id: newId(), name: shownName(name), mime, bytes: content.length }
      const bounds = {
        sessionBytes: config['attachments.sessionMegabytes'] * megabyte,
        totalBytes: config['attachments.megabytes'] * megabyte,
      }
      await inTurn(async () => {
        await writeContent(folder, sha256, content, newId())
        const row = { ...ref, sessionId, invocationId, sha256, createdAt: clock.now(), bounds }
        const { removed } = await store.addAttachment(row)
        await removeUnnamed(removed)
      })
      return ref
    },
    async find(id) {
      const found = await store.getAttachment(id)
      const stats = found && (await lstat(pathOf(found.sha256)).catch(() => undefined))
      if (found && stats?.isFile() && stats.size === found.bytes) return found
      throw new TalonError('NOT_FOUND', 'There is no such attachment; old ones are removed in time.')
    },
    read: ({ sha256 }) => contentOf(pathOf(sha256)),
    list: sessionId => store.listAttachments(sessionId),
    async prune() {
      const before = clock.now() - config['attachments.keepDays'] * dayMs
      for (let more = true; more; ) ({ more } = await store.pruneAttachments({ before }))
      let removed = 0
      // A part at a time, so that what is added meanwhile waits for one part at most.
      for (const part of await namesIn(folder)) {
        removed += await inTurn(async () => {
          const names = await namesIn(join(folder, part))
          // What a crash left half written has another name.
          for (const name of names) if (!contentName.test(name)) await rm(join(folder, part, name), { force: true })
          return await removeUnnamed(names.filter(name => contentName.test(name)))
        })
      }
      return removed
    },
  }
}

/** Under its own name only once it is whole and on disk. */
async function writeContent(folder: string, sha256: string, content: Buffer, draftId: string): Promise<void> {
  const part = join(folder, sha256.slice(0, 2))
  prepareFolder(folder)
  prepareFolder(part)
  const draft = join(part, `${draftId}.partial`)
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, join(part, sha256))
    syncFolder(part)
    syncFolder(folder)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}

function shownName(name: string): string {
  const clean = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\:*?"<>|]+/gu, '-')
    .replace(/^[.\s-]+/, '')
    .slice(0, maxNameLength)
  return clean.toWellFormed().trim() || 'file'
}

function tooLarge(bytes: number): TalonError {
  return new TalonError('TOO_LARGE', `An attachment has at most ${maxBytes} bytes; this one has ${bytes}.`)
}
