import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A page of the documentation that comes with this program. */
export interface OwnDoc {
  /** Its file without the ending. */
  name: string
  title: string
}

// From src/server and dist/server alike.
const docsDir = fileURLToPath(new URL('../../docs/', import.meta.url))
// More are none of ours.
const maxDocs = 200

/** The documentation, by title; empty where it was left out of the installation. */
export async function ownDocs(): Promise<OwnDoc[]> {
  const names = await docNames()
  const docs = await Promise.all(names.map(async name => ({ name, title: titleOf(await readDoc(name)) ?? name })))
  return docs.sort((a, b) => a.title.localeCompare(b.title, 'en'))
}

/** The text of one of them, Markdown; undefined if there is none of this name. */
export async function ownDoc(name: string): Promise<string | undefined> {
  // Only what is in the folder, so that no path of a request reaches the file system.
  return (await docNames()).includes(name) ? readDoc(name) : undefined
}

async function docNames(): Promise<string[]> {
  const files = await readdir(docsDir).catch(() => [])
  const names = files.filter(file => /^[\w-]+\.md$/.test(file)).map(file => file.slice(0, -'.md'.length))
  return names.sort().slice(0, maxDocs)
}

function readDoc(name: string): Promise<string | undefined> {
  return readFile(join(docsDir, `${name}.md`), 'utf8').catch(() => undefined)
}

function titleOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : /^# (.{1,100})$/m.exec(text)?.[1]
}
