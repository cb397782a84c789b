import { accessSync, constants, readdirSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { quoted, reasonOf, sizeText } from './words.ts'

const mebibyte = 1024 * 1024
// Of a gateway in the background, which keeps two files of 20 MB each.
const ownLog = 'talon.log'
const largeBytes = 1024 * mebibyte

/** Whether the log can be written, and whether what is kept of it fits on its disk. */
export const logsCheck: Check = {
  name: 'logs',
  group: 'folder',
  look(subject) {
    const file = logFileOf(subject)
    const folder = statSync(dirname(file), { throwIfNoEntry: false })
    if (!folder) return [info('logs.folder', `There is no folder ${dirname(file)} for logs yet.`, null)]
    if (!folder.isDirectory()) {
      const fix = 'Move it away, or let log.file name another place.'
      return [warn('logs.folder', `${dirname(file)} is no folder: no log can be written.`, null, fix)]
    }
    return [...lookAtWriting(file), ...lookAtSize(file, subject)]
  },
}

/** Where a gateway logs to, unless that is standard output. */
export function logFileOf({ home, config }: Pick<Subject, 'home' | 'config'>): string {
  const file = config?.['log.file'] ?? null
  return file === null ? join(home, 'logs', ownLog) : resolve(home, file)
}

function lookAtWriting(file: string): Finding[] {
  const closed = [dirname(file), file].flatMap(path => {
    try {
      if (statSync(path, { throwIfNoEntry: false })) accessSync(path, constants.W_OK)
      return []
    } catch (thrown) {
      return [reasonOf(thrown)]
    }
  })
  const [reason] = closed
  if (reason === undefined) return [ok('logs.folder', `Logs are kept in ${dirname(file)}.`)]
  const fix = `chmod u+rwX ${quoted(dirname(file))} ${quoted(file)}, or chown them.`
  return [warn('logs.folder', `The log ${file} cannot be written.`, `${reason}.`, fix)]
}

function lookAtSize(file: string, { config }: Subject): Finding[] {
  const folder = dirname(file)
  const names = readdirSync(folder).filter(name => name === basename(file) || name.startsWith(`${basename(file)}.`))
  const bytes = names.reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
  if (config && config['log.file'] !== null) {
    const most = (config['log.keepFiles'] + 1) * config['log.maxMegabytes'] * mebibyte
    const { bavail, bsize } = statfsSync(folder)
    if (most - bytes > bavail * bsize) {
      const title = `Logs may grow to ${sizeText(most)}, and ${sizeText(bavail * bsize)} are free.`
      const fix = 'talon config set log.keepFiles=5 log.maxMegabytes=20'
      return [warn('logs.size', title, 'A full disk keeps the gateway from storing anything.', fix)]
    }
  }
  if (bytes <= largeBytes) return [ok('logs.size', `Logs take ${sizeText(bytes)}.`)]
  return [info('logs.size', `Logs take ${sizeText(bytes)}.`, folder, 'Remove old ones, or lower log.keepFiles.')]
}
