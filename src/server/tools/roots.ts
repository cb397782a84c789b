import { realpathSync } from 'node:fs'
import { isAbsolute, normalize, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TalonError } from '../../protocol/errors.ts'
import { ConfigError } from '../config.ts'
import { expandHome } from './path.ts'
import { type Folder, locate, openRoot, openWorkspace, type Place } from './workspace.ts'

/** A folder beside the workspace that the file tools may use. */
export interface Root {
  /** Its real path when the gateway started. */
  path: string
  /** As the setting names it, an absolute path. */
  named: string
  writable: boolean
}

/** What the setting `tools.roots` names. */
export type RootSetting = Pick<Root, 'path' | 'writable'>

/** Where a path leads, with the folder that it leads through held open. */
export interface OpenPlace extends Place, AsyncDisposable {
  root: Folder
  writable: boolean
}

interface Reach {
  workspace: string
  roots: readonly Root[]
}

/** Below them lie no files but the kernel's own doors. */
const kernelFolders = ['/proc', '/sys', '/dev']

/**
 * The folders of the setting `tools.roots`.
 * @throws ConfigError if through one of them a tool could change what it may do, or if two are not apart
 */
export function rootsOf(home: string, workspace: string, setting: readonly RootSetting[]): Root[] {
  const roots: Root[] = []
  for (const { path: text, writable } of setting) {
    if (!isAbsolute(text)) throw refused(text, 'is no absolute path')
    const named = resolve(text)
    const root = { named, path: realPath(named), writable }
    const problem = problemOf(root, home, workspace, roots)
    if (problem !== undefined) throw refused(named, problem)
    roots.push(root)
  }
  return roots
}

/**
 * Opens the root that a path leads into: one of `tools.roots` if it is absolute and lies there, else the workspace.
 * @throws TalonError `FORBIDDEN` for a path outside of all, or one that is to be written where nothing may be
 */
export async function openPlace(path: string, reach: Reach, use: 'read' | 'write'): Promise<OpenPlace> {
  const root = rootOf(path, reach.roots)
  if (use === 'write' && root?.writable === false) {
    throw new TalonError(
      'FORBIDDEN',
      `${root.named} may be read only: the setting tools.roots does not say "writable".`,
    )
  }
  const folder = root ? await openRoot(root.path) : await openWorkspace(reach.workspace)
  try {
    const place = locate(path, root?.named ?? reach.workspace, folder.root)
    const shown = root ? [root.path, ...place.segments].join('/') : place.shown
    return {
      ...place,
      shown,
      root: folder,
      writable: root?.writable ?? true,
      [Symbol.asyncDispose]: () => close(folder),
    }
  } catch (error) {
    await close(folder)
    throw error
  }
}

/** The root that a path lies in by its text; undefined for the workspace. */
function rootOf(path: string, roots: readonly Root[]): Root | undefined {
  const expanded = expandHome(path)
  if (!isAbsolute(expanded)) return undefined
  const absolute = normalize(expanded)
  return roots.find(root => isWithin(root.path, absolute) || isWithin(root.named, absolute))
}

function close(folder: Folder): Promise<void> {
  return folder.handle.close()
}

function problemOf(root: Root, home: string, workspace: string, others: readonly Root[]): string | undefined {
  const data = realPath(home)
  if (isWithin(root.path, data)) return `holds the data folder ${home}`
  if (isWithin(data, root.path)) return `lies in the data folder ${home}, which is Talon's own`
  if (areJoined(root.path, realPath(workspace))) return 'holds the workspace, or lies in it'
  if (kernelFolders.some(folder => isWithin(folder, root.path))) return 'is no folder of files'
  const program = fileURLToPath(new URL('.', import.meta.url))
  if (root.writable && areJoined(root.path, realPath(resolve(program)))) return 'holds the program itself'
  const other = others.find(({ path }) => areJoined(path, root.path))
  return other && `and ${other.named} hold one another`
}

function refused(path: string, problem: string): ConfigError {
  return new ConfigError(`tools.roots: ${path} ${problem}. Name a folder that is apart from all these.`)
}

function areJoined(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one)
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path // It may be there one day.
  }
}
