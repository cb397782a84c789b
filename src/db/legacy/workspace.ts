import { constants, existsSync } from 'node:fs'
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export interface CopiedWorkspace {
  copied: string[]
  /** Not copied, because a file of that name is there already. */
  kept: string[]
  /** With the reason. */
  failed: string[]
}

// What v0.3.3 itself kept there: what an agent made beside it is the user's to move.
const names = ['tasks.json', 'MEMORY.md', 'FACTS.json', 'SOUL.md']
const notes = 'notes'
const maxNotes = 100_000

/** Copies what the tools of v0.3.3 kept to where today's look for it. Nothing that is there is written over. */
export async function copyWorkspace(from: string, to: string, options: { dryRun: boolean }): Promise<CopiedWorkspace> {
  const result: CopiedWorkspace = { copied: [], kept: [], failed: [] }
  const inNotes = await readdir(join(from, notes)).catch(() => [])
  const files = [...names, ...inNotes.filter(name => name.endsWith('.md')).map(name => `${notes}/${name}`)]
  for (const name of files.slice(0, maxNotes)) {
    // A link may lead out of the old folder.
    const found = await lstat(join(from, name)).catch(() => undefined)
    if (!found?.isFile()) continue
    if (options.dryRun) {
      const list = existsSync(join(to, name)) ? result.kept : result.copied
      list.push(name)
      continue
    }
    try {
      await mkdir(dirname(join(to, name)), { recursive: true, mode: 0o700 })
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_EXCL)
      result.copied.push(name)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') result.kept.push(name)
      else result.failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return result
}
