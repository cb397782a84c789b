import { join } from 'node:path'
import type { OpenPlace } from './roots.ts'
import { rustPattern } from './rustPattern.ts'
import { programOf } from './sandbox/system.ts'
import type { ToolContext } from './tool.ts'

/** Names of files that are taken from it, in bytes. */
const maxNameBytes = 8 * 1_048_576
const maxErrorBytes = 4_096
const noMatch = 1
const failed = 2

export interface Wanted {
  query: string
  regex: boolean
  caseSensitive: boolean
  maxFileBytes: number
  maxDepth: number
}

/** Files that are worth a look, relative to the root, in the order in which a walk comes by them. */
export interface Candidates {
  paths: string[]
  /** Whether there are more. */
  cut: boolean
}

/**
 * Asks ripgrep which files of a folder hold a match; undefined where it cannot be asked. What it says is a hint: it runs
 * behind a full wall and with paths of its own, so that each file is still opened through the jail and searched here.
 */
export async function candidatesIn(
  place: OpenPlace,
  wanted: Wanted,
  context: ToolContext,
): Promise<Candidates | undefined> {
  const { sandbox, signal, invocationId, workspace } = context
  const program = sandbox.level === 'full' ? programOf('rg') : undefined
  const pattern = wanted.regex ? rustPattern(wanted.query) : wanted.query
  if (program === undefined || pattern === undefined) return undefined
  const { root, label } = place.root
  const names = createNames(root)
  const result = await sandbox.run({
    argv: [program, ...optionsOf(wanted), '-e', pattern, '--', join(root, ...place.segments)],
    cwd: workspace,
    readable: label === '' ? [] : [root],
    readOnly: true,
    signal,
    id: invocationId,
    maxOutputBytes: maxErrorBytes,
    maxTotalBytes: maxNameBytes,
    onOutput: names.add,
  })
  if (result.stopped?.by === 'output') return { paths: names.sorted(), cut: true }
  // Files that it may not read are no failure, and it is told to be silent about them.
  const isFailure = result.exitCode === failed && result.stderr !== ''
  if (isFailure || result.exitCode === null || result.exitCode > failed) return undefined
  return { paths: result.exitCode === noMatch ? [] : names.sorted(), cut: false }
}

function optionsOf({ regex, caseSensitive, maxFileBytes, maxDepth }: Wanted): string[] {
  return [
    ...['--no-config', '--files-with-matches', '--null', '--no-messages', '--color=never'],
    // The same files as without it: hidden ones too, whatever a .gitignore says; links are not followed.
    ...['--hidden', '--no-ignore', '--no-follow', `--max-filesize=${maxFileBytes}`, `--max-depth=${maxDepth}`],
    ...(regex ? [] : ['--fixed-strings']),
    caseSensitive ? '--case-sensitive' : '--ignore-case',
  ]
}

/** Collects names that end in NUL. */
function createNames(root: string) {
  const chunks: Buffer[] = []
  return {
    add(stream: 'stdout' | 'stderr', chunk: Buffer) {
      if (stream === 'stdout') chunks.push(chunk)
    },
    sorted(): string[] {
      const whole = Buffer.concat(chunks).toString('utf8').split('\0').slice(0, -1)
      const prefix = root.endsWith('/') ? root : `${root}/`
      const paths = whole.filter(path => path.startsWith(prefix)).map(path => path.slice(prefix.length))
      // A folder stands where its name does, so that a separator comes before all other characters.
      const keys = new Map(paths.map(path => [path, path.replaceAll('/', '\0')]))
      return paths.sort((a, b) => ((keys.get(a) ?? '') < (keys.get(b) ?? '') ? -1 : 1))
    },
  }
}
