import { mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TalonError } from '../../../protocol/errors.ts'
import type { Config } from '../../config.ts'
import type { Clock } from '../../record.ts'
import { moveEntry } from '../move.ts'
import { openPlace, type Root } from '../roots.ts'
import type { Extent, Spot } from '../tree.ts'
import { openFolder, openRoot } from '../workspace.ts'
import { type Origin, originSchema, type TrashItem } from './item.ts'

export type { TrashItem }

/** What tools deleted, in a folder of the data folder that no tool can reach, until it is too old or too much. */
export interface Trash {
  /** Moves something in. @throws TalonError `TOO_LARGE` if the trash could not hold it */
  put(
    spot: Spot,
    extent: Extent,
    from: Pick<Origin, 'root' | 'tokenId' | 'sessionId'>,
    signal: AbortSignal,
  ): Promise<TrashItem>
  /** The newest first. */
  list(): Promise<TrashItem[]>
  /**
   * Moves something back to where it was, or to another path of the file tools.
   * @throws TalonError `NOT_FOUND` without such an item, `CONFLICT` if the place is taken; what refuses the path
   */
  restore(id: string, to: string | undefined, signal: AbortSignal): Promise<string>
  /** Removes for good what is older than `days`, all without it; what was removed. */
  empty(days?: number): Promise<TrashItem[]>
  /** Removes what is past the bounds of the settings. */
  prune(): Promise<void>
}

export interface TrashParts {
  home: string
  workspace: string
  roots: readonly Root[]
  config: Pick<Config, 'tools.trashDays' | 'tools.trashMegabytes'>
  clock: Pick<Clock, 'now'>
  newId: () => string
}

/** The oldest beyond them are removed. */
const maxItems = 2_000
const dayMs = 86_400_000
const megabyte = 1_048_576
const content = 'content'

export function createTrash(parts: TrashParts): Trash {
  const { config, clock, newId } = parts
  const folder = join(parts.home, 'trash')
  const maxBytes = () => config['tools.trashMegabytes'] * megabyte
  // Counted at the first use, and again whenever it seems too much: "talon trash" empties it from outside.
  let known: { items: number; bytes: number } | undefined

  const openTrash = async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return openRoot(await realpath(folder))
  }
  const count = async () => {
    const items = await list()
    known = { items: items.length, bytes: items.reduce((sum, item) => sum + item.bytes, 0) }
    return items
  }
  const list = async () => {
    const names = await readdir(folder).catch(() => [])
    const found = await Promise.all(names.map(name => itemOf(folder, name)))
    return found.filter(item => item !== undefined).sort((a, b) => b.deletedAt - a.deletedAt)
  }
  const remove = async (items: readonly Pick<TrashItem, 'id'>[]) => {
    for (const { id } of items) await rm(join(folder, id), { recursive: true, force: true })
    known = undefined
  }
  const prune = async () => {
    await remove(await brokenIn(folder, clock.now()))
    const items = await count()
    await remove(pastBounds(items, { before: clock.now() - config['tools.trashDays'] * dayMs, maxBytes: maxBytes() }))
  }
  return {
    list,
    prune,
    async put(spot, { kind, files, bytes }, from, signal) {
      if (bytes > maxBytes()) throw tooMuch(spot.shown, bytes, config['tools.trashMegabytes'])
      const id = newId()
      const origin: Origin = { ...from, path: spot.shown, kind, files, bytes, deletedAt: clock.now() }
      await using trash = await openTrash()
      await using into = await openFolder(trash, [id], true)
      await writeFile(join(into.path, 'origin.json'), JSON.stringify(origin), { mode: 0o600, flush: true })
      try {
        await moveEntry(spot, { parent: into, name: content, shown: 'trash' }, { newId, signal })
      } catch (error) {
        await remove([{ id }])
        throw error
      }
      if (known) known = { items: known.items + 1, bytes: known.bytes + bytes }
      else await count()
      if (known && (known.items > maxItems || known.bytes > maxBytes())) await prune()
      return { ...origin, id }
    },
    async restore(id, to, signal) {
      const item = (await list()).find(candidate => candidate.id === id || candidate.path === id)
      if (!item) throw new TalonError('NOT_FOUND', `There is no "${id}" in the trash. talon trash list shows what is.`)
      await using place = await openPlace(to ?? item.path, parts, 'write')
      if (to === undefined && place.root.root !== item.root) throw movedAway(item)
      const name = place.segments.at(-1)
      if (name === undefined) throw new TalonError('INVALID_MESSAGE', 'That is a root itself. Name a path in it.')
      await using trash = await openTrash()
      await using from = await openFolder(trash, [item.id])
      await using parent = await openFolder(place.root, place.segments.slice(0, -1), true)
      const target = { parent, name, shown: place.shown }
      await moveEntry({ parent: from, name: content, shown: item.path }, target, { newId, signal })
      await remove([item])
      return place.shown
    },
    async empty(days = 0) {
      const before = clock.now() - days * dayMs
      const gone = (await list()).filter(item => days === 0 || item.deletedAt < before)
      await remove(gone)
      return gone
    },
  }
}

async function itemOf(folder: string, id: string): Promise<TrashItem | undefined> {
  try {
    const [text] = await Promise.all([
      readFile(join(folder, id, 'origin.json'), 'utf8'),
      // What was restored or did not get here is not in the trash. A link is never followed: none gets here.
      stat(join(folder, id, content)),
    ])
    return { ...originSchema.parse(JSON.parse(text)), id }
  } catch {
    return undefined
  }
}

/** What a crash left without its content, once nobody can be at work on it any more. */
async function brokenIn(folder: string, now: number): Promise<{ id: string }[]> {
  const names = await readdir(folder).catch(() => [])
  const broken: { id: string }[] = []
  for (const id of names) {
    if (await itemOf(folder, id)) continue
    const stats = await stat(join(folder, id)).catch(() => undefined)
    if (stats && now - stats.mtimeMs > dayMs) broken.push({ id })
  }
  return broken
}

/** @param items the newest first */
function pastBounds(items: TrashItem[], bounds: { before: number; maxBytes: number }): TrashItem[] {
  let bytes = 0
  return items.filter((item, index) => {
    bytes += item.bytes
    return index >= maxItems || bytes > bounds.maxBytes || item.deletedAt < bounds.before
  })
}

function tooMuch(shown: string, bytes: number, megabytes: number): TalonError {
  const advice = 'Delete parts of it, or remove it with a command of the shell, which is for good.'
  const bound = `the trash holds ${megabytes} MiB (setting tools.trashMegabytes)`
  return new TalonError('TOO_LARGE', `${JSON.stringify(shown)} has ${bytes} bytes, and ${bound}. ${advice}`)
}

function movedAway({ root, path }: TrashItem): TalonError {
  return new TalonError(
    'CONFLICT',
    `${root}, where ${JSON.stringify(path)} lay, is no folder of tools any more. Name another place.`,
  )
}
