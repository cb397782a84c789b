import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Configuration } from './configuration.ts'

/** What a command sees of this machine, as arguments of bubblewrap. */
export interface System {
  binds: string[]
  /** The program of the gateway itself, where it lies in no such folder. */
  programBinds: string[]
  /** Only with the network. */
  networkBinds: string[]
  /** Folders of the machine that are shown as a whole. */
  shown: string[]
  /** Where programs are looked for. */
  path: string
}

const folders = ['/usr', '/nix/store']
/** On most systems links into /usr. */
const roots = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const programFolders = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'
/** Where a program of the system is looked for: not along PATH, which whoever starts the gateway can set. */
const places = ['/usr/bin', '/bin', '/usr/local/bin', '/run/wrappers/bin', '/run/current-system/sw/bin']

/** Finds what there is here. */
export function systemOf(configuration: Configuration): System {
  const shown = folders.filter(folder => existsSync(folder))
  const linked = roots.flatMap(root => {
    if (!existsSync(root)) return []
    if (lstatSync(root).isSymbolicLink()) return ['--symlink', readlinkSync(root), root]
    shown.push(root)
    return ['--ro-bind', root, root]
  })
  const program = realpathSync(process.execPath)
  const isShown = shown.some(folder => program.startsWith(`${folder}/`))
  const ownProgram = isShown ? [] : ['--ro-bind', program, process.execPath]
  return {
    binds: [...folders.filter(folder => shown.includes(folder)).flatMap(bind), ...linked, ...configuration.binds],
    programBinds: ownProgram,
    networkBinds: configuration.networkBinds,
    shown,
    path: `${programFolders}:${dirname(process.execPath)}`,
  }
}

/** The whole path of a program of the system; undefined if it is not installed. */
export function programOf(name: string): string | undefined {
  return places.map(place => `${place}/${name}`).find(path => existsSync(path))
}

function bind(path: string): string[] {
  return ['--ro-bind', path, path]
}
