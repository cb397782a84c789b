import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { ConfigError } from '../config.ts'
import { makeFile } from './sinks.ts'

// What a gateway lives on: lines at its end, or an empty one in its place, and no start would succeed. Case does not
// count on every disk.
const ownNames = /^(?:gateway\.|talon\.(?:json|db)|config\.json|\.env)/i
const ownFolders = /^(?:run|secrets|backups|trash)$/i

/** Where `log.file` is. @throws ConfigError for a file that is Talon's own */
export function logPlace(home: string, setting: string): string {
  const file = resolve(home, setting)
  const [place, root] = [realPlace(file), realPath(home)]
  for (const [folder, name] of [
    [home, file],
    [root, place],
  ] as const) {
    const [first = '', ...below] = relative(folder, name).split(sep)
    if (below.length > 0 ? ownFolders.test(first) : ownNames.test(first)) {
      throw new ConfigError(`log.file: ${file} is what Talon itself uses. Name another one, such as logs/gateway.log.`)
    }
  }
  return file
}

/**
 * Refuses a log file with which no gateway would start.
 * @param written folders that tools may write
 * @throws ConfigError
 */
export function refuseLogFile(home: string, setting: string | null, written: readonly string[]): void {
  if (setting === null) return
  const file = logPlace(home, setting)
  // A tool could put a link in its place, and have lines written to whatever it names.
  if (written.some(folder => realPlace(file).startsWith(`${realPath(folder)}${sep}`))) {
    throw new ConfigError(
      `log.file: ${file} lies in tools.workspace or one of tools.roots, where tools may change it. Name another one.`,
    )
  }
  // The first start makes its folder afterwards, and opens the file then.
  if (existsSync(home)) makeFile(file)
}

/** Without links, whether the file is there or not. */
function realPlace(file: string): string {
  const real = realPath(file)
  return real === file ? join(realPath(dirname(file)), basename(file)) : real
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
