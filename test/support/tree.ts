import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Everything that a folder holds: modes, times of the last change, and content. Two that are equal were not touched between. */
export function treeOf(folder: string): Record<string, string> {
  const names = ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })].sort()
  return Object.fromEntries(
    names.map(name => {
      const path = join(folder, name)
      const stat = lstatSync(path)
      const content = stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return [name, `${stat.mode.toString(8)} ${stat.mtimeMs} ${content}`]
    }),
  )
}
