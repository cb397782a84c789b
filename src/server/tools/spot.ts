import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { TalonError } from '../../protocol/errors.ts'
import { type OpenPlace, openPlace, type Root } from './roots.ts'
import type { Spot } from './tree.ts'
import { openFile, openFolder } from './workspace.ts'

interface Reach {
  workspace: string
  roots: readonly Root[]
}

/** A name of a path, in its open folder. */
export interface OpenSpot extends Spot, AsyncDisposable {
  place: OpenPlace
}

/**
 * Opens the folder that a path lies in; `create` makes those that are missing.
 * @throws TalonError for a path that names a root itself, and what refuses the path
 */
export async function openSpot(
  path: string,
  reach: Reach,
  use: 'read' | 'write',
  options: { create?: boolean } = {},
): Promise<OpenSpot> {
  const place = await openPlace(path, reach, use)
  try {
    const name = place.segments.at(-1)
    if (name === undefined) {
      throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(place.shown)} is a root itself. Name a path in it.`)
    }
    const parent = await openFolder(place.root, place.segments.slice(0, -1), options.create)
    const dispose = async () => {
      await parent.handle.close()
      await place[Symbol.asyncDispose]()
    }
    return { parent, name, shown: place.shown, place, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

/** Opens a file to read it while `use` runs. @throws TalonError that says why it cannot be read */
export async function withFile<T>(
  path: string,
  reach: Reach,
  use: (handle: FileHandle, shown: string) => Promise<T>,
): Promise<T> {
  await using spot = await openSpot(path, reach, 'read')
  await using handle = await openFile(spot.parent, spot.name, constants.O_RDONLY)
  return await use(handle, spot.shown)
}
