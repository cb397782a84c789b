import { constants } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import * as z from 'zod'
import type { Matcher } from './matcher.ts'
import { type Candidates, candidatesIn } from './ripgrep.ts'
import { type OpenPlace, openPlace } from './roots.ts'
import { notText, readAll } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { type Entry, maxDepth, type WalkBudget, walk } from './walk.ts'
import { entryOf, type Folder, kindOf, openFile, openFolder, type Place, shownIn } from './workspace.ts'

/** Lines in one answer. */
const maxMatches = 500
const maxVisited = 50_000
const maxFileBytes = 4 * 1_048_576
const maxShownLineLength = 300
/** The longest time that a search keeps the event loop for itself, but for one line. */
const maxHoldMs = 8

const schema = z.strictObject({
  path: z.string().max(4_096).describe('Folder or file in the workspace; "." is the whole workspace.'),
  query: z.string().min(1).max(1_000).describe('Text to find, or an expression if regex is true.'),
  regex: z.boolean().default(false).describe('Whether query is a regular expression in the syntax of RE2.'),
  filePattern: z.string().min(1).optional().describe('Only files that fit, such as "*.ts" or "docs/**/*.md".'),
  caseSensitive: z.boolean().default(false).describe('Whether upper and lower case differ.'),
})

type Args = z.output<typeof schema>

interface Search {
  matcher: Matcher
  matches: string[]
  notes: { tooLarge: number; cutLines: number; notText: number }
  context: ToolContext
  /** When the event loop was last let go, on the monotonic clock. */
  pausedAt: number
}

export default defineTool({
  name: 'file_search',
  description: 'Finds text in the files of the workspace: one match a line, as path:line: text.',
  group: 'files',
  permission: 'safe',
  taints: true,
  schema,
  example: { path: '.', query: 'invoice', filePattern: '*.md' },
  dryRun: async (args, context) => {
    await using place = await openPlace(args.path, context, 'read')
    return `Would search in ${place.shown}.`
  },
  run: async (args, context) => {
    // At its first use: a gateway that is idle does without the tables of the engine.
    const [{ createMatcher }, { compileGlob }] = await Promise.all([import('./matcher.ts'), import('./glob.ts')])
    const matcher = createMatcher(args.query, args)
    const fits = args.filePattern === undefined ? () => true : compileGlob(args.filePattern)
    const notes = { tooLarge: 0, cutLines: 0, notText: 0 }
    const search: Search = { matcher, matches: [], notes, context, pausedAt: context.clock.monotonic() }
    const budget: WalkBudget = { entries: maxVisited }
    await using place = await openPlace(args.path, context, 'read')
    for await (const entry of entriesFor(args, place, budget, context)) {
      if (entry.kind !== 'file' || !fits(below(place, entry))) continue
      await searchFile(entry, search)
      if (search.matches.length >= maxMatches) {
        budget.stopped = `stopped after ${maxMatches} matches`
        break
      }
    }
    return report(args, place, search, budget)
  },
})

/** The one file that a path names; of a folder those files that ripgrep knows a match in, or everything below it. */
async function* entriesFor(
  args: Args,
  place: OpenPlace,
  budget: WalkBudget,
  context: ToolContext,
): AsyncGenerator<Entry> {
  const { root, segments, shown } = place
  const name = segments.at(-1)
  if (name !== undefined) {
    await using parent = await openFolder(root, segments.slice(0, -1))
    const stats = await entryOf(parent, name)
    if (stats?.isFile()) {
      yield { name, shown, kind: kindOf(stats), parent }
      return
    }
  }
  await using folder = await openFolder(root, segments)
  const found = await candidatesIn(place, { ...args, maxFileBytes, maxDepth }, context)
  if (found) yield* entriesOf(found, root, budget)
  else yield* walk(folder, { recursive: true, budget, signal: context.signal })
}

/** Files by their paths below a root, of which many lie in the same folder. */
async function* entriesOf({ paths, cut }: Candidates, root: Folder, budget: WalkBudget): AsyncGenerator<Entry> {
  let parent: Folder | undefined
  let opened: string | undefined
  try {
    for (const path of paths) {
      const folders = path.split('/')
      const name = folders.pop() ?? ''
      if (folders.join('/') !== opened) {
        await parent?.handle.close()
        opened = folders.join('/')
        parent = await openFolder(root, folders).catch(() => undefined)
      }
      if (parent) yield { name, shown: shownIn(parent, name), kind: 'file', parent }
    }
    if (cut) budget.stopped = 'there was more than can be looked at'
  } finally {
    await parent?.handle.close()
  }
}

function below(place: Place, entry: Entry): string {
  return place.shown === '.' || place.shown === entry.shown ? entry.shown : entry.shown.slice(place.shown.length + 1)
}

async function searchFile({ parent, name, shown }: Entry, search: Search): Promise<void> {
  const { signal } = search.context
  // What cannot be opened now was swapped or may not be read; a search goes on without it.
  await using handle = await openFile(parent, name, constants.O_RDONLY).catch(() => undefined)
  const bytes = handle && (await readAll(handle, maxFileBytes, signal))
  if (!handle) return
  if (!bytes) search.notes.tooLarge += 1
  else if (notText(bytes) !== undefined) search.notes.notText += 1
  else await searchText(bytes.toString('utf8'), shown, search)
}

async function searchText(text: string, shown: string, search: Search): Promise<void> {
  const { matcher, matches, notes, context } = search
  let number = 0
  for (const whole of text.split('\n')) {
    number += 1
    const line = whole.length > matcher.maxLineLength ? whole.slice(0, matcher.maxLineLength) : whole
    if (line !== whole) notes.cutLines += 1
    if (matcher.test(line)) matches.push(`${shown}:${number}: ${shorten(line)}`)
    if (matches.length >= maxMatches) return
    if (context.clock.monotonic() - search.pausedAt < maxHoldMs) continue
    await setImmediate()
    context.signal.throwIfAborted()
    search.pausedAt = context.clock.monotonic()
  }
}

function shorten(line: string): string {
  const trimmed = line.trim()
  return trimmed.length > maxShownLineLength ? `${trimmed.slice(0, maxShownLineLength).toWellFormed()}…` : trimmed
}

function report(args: Args, place: Place, { matches, notes, matcher }: Search, budget: WalkBudget): string {
  const lines = matches.length > 0 ? [...matches] : [`Nothing in ${place.shown} matches ${JSON.stringify(args.query)}.`]
  if (budget.stopped !== undefined) lines.push(`[not all: ${budget.stopped}; narrow it by path, filePattern or query]`)
  if (notes.tooLarge > 0) lines.push(`[${notes.tooLarge} files of more than ${maxFileBytes} bytes were left out]`)
  if (notes.notText > 0) lines.push(`[${notes.notText} files that are not UTF-8 text were left out]`)
  if (notes.cutLines > 0) {
    lines.push(`[${notes.cutLines} lines were searched only in their first ${matcher.maxLineLength} characters]`)
  }
  return lines.join('\n')
}
