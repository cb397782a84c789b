import { doors, entries, environmentReaders, maxLines, packages, type RoomName, rooms } from './rooms.ts'
import { type Import, readSource, type Source } from './source.ts'

/**
 * Holds the files of `src/` against the rule of the rooms.
 * @param files the text of each file by its path in the checkout, such as `src/server/app.ts`
 * @returns a sentence for each breach, in the order of the paths
 */
export function findBreaches(files: ReadonlyMap<string, string>): string[] {
  const paths = [...files.keys()].sort()
  const sources = paths.map(path => readSource(path, files.get(path) ?? '', paths))
  return [
    ...sources.flatMap(breachesOf),
    ...cycles(sources).map(path => `${path.join(' → ')}: a cycle of imports`),
    ...browserBreaches(sources),
  ]
}

function breachesOf(source: Source): string[] {
  const { path, lines, imports, usesAny, readsEnvironment, importsComputed } = source
  const room = roomOf(path)
  const breaches = [
    room === undefined && 'lies in no room',
    lines > maxLines && `is longer than ${maxLines} lines`,
    usesAny && 'uses "any"',
    importsComputed && 'imports what is computed',
    readsEnvironment && !matches(environmentReaders, path) && 'reads the environment',
    ...imports.map(found => room !== undefined && importBreach(room, found)),
  ]
  return [...new Set(breaches)].filter(breach => typeof breach === 'string').map(breach => `${path}: ${breach}`)
}

function importBreach(room: RoomName, found: Import): string | undefined {
  const { from, to, kind } = found
  if (isPackage(to)) return packageBreach(room, found)
  const target = roomOf(to)
  // Text, such as a style sheet, belongs to the file that imports it.
  if (target === room && !/\.tsx?$/.test(to)) return undefined
  const { imports, types } = rooms[room]
  const allowed = target === room || matches(imports, to) || (kind === 'type' && matches(types, to))
  if (!allowed) return `imports ${to}${kind === 'type' ? ' for its types' : ''}, which ${room} may not`
  if (kind === 'glob') return undefined
  const entry = entries.find(({ files }) => matches([files], to))
  if (entry && !matches(entry.importedBy, from)) return `imports ${to} by its name, which only its folder is for`
  if (kind === 'type') return undefined
  const closed = doors.find(door => matches(door.behind, to) && matches(door.for, from) && !matches(door.door, to))
  return closed && `imports ${to}, which is no door of its room`
}

function packageBreach(room: RoomName, { from, to, kind }: Import): string | undefined {
  if (to.startsWith('node:')) return 'browser' in rooms[room] ? `imports ${to}, which no browser has` : undefined
  const name = /^(@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to
  const row = Object.hasOwn(packages, name) ? packages[name] : undefined
  if (!row) return `imports the package ${name}, which the rule does not know`
  if (matches(row.at, from) || (kind === 'type' && matches(row.types ?? [], from))) return undefined
  return `imports the package ${name}${kind === 'type' ? ' for its types' : ''}, which is not for this file`
}

/** Cycles of imports at run time, each once, beginning with its first path. */
function cycles(sources: readonly Source[]): string[][] {
  const graph = valueGraph(sources)
  const found = new Map<string, string[]>()
  const finished = new Set<string>()
  const visit = (path: string, trail: string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      const cycle = trail.slice(at)
      const first = cycle.indexOf([...cycle].sort()[0] ?? '')
      const turned = [...cycle.slice(first), ...cycle.slice(0, first)]
      found.set(turned.join(), [...turned, turned[0] ?? ''])
      return
    }
    if (finished.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const { path } of sources) visit(path, [])
  return [...found.values()]
}

/** What the client and the islands reach at run time comes into a browser: neither Node nor the schemas, which are large. */
function browserBreaches(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const graph = valueGraph(sources)
  const starts = sources.map(({ path }) => path).filter(path => matches(['client/', 'islands/'], path))
  const reached = new Set(starts)
  for (const path of reached) for (const next of graph.get(path) ?? []) reached.add(next)
  return [...reached]
    .filter(path => byPath.get(path)?.imports.some(({ to, kind }) => kind === 'value' && to === 'zod'))
    .map(path => `${path}: brings zod into the browser`)
}

function valueGraph(sources: readonly Source[]): Map<string, string[]> {
  return new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter(({ to, kind }) => kind === 'value' && !isPackage(to)).map(({ to }) => to),
    ]),
  )
}

function roomOf(path: string): RoomName | undefined {
  const names = Object.keys(rooms) as RoomName[] // The keys of a literal table, which Object.keys widens to string.
  return names.find(name => matches([rooms[name].folder], path))
}

function isPackage(to: string): boolean {
  return !/^(src\/|\.\.?\/|package\.json$)/.test(to)
}

/** Whether a path of the checkout is one of these patterns below `src/`. */
function matches(patterns: readonly string[], path: string): boolean {
  return patterns.some(pattern => {
    if (pattern.startsWith('../')) return path === pattern.slice(3)
    const text = `src/${pattern}`
    if (text.endsWith('/')) return path.startsWith(text)
    return new RegExp(`^${text.replace(/[.+]/g, '\\$&').replaceAll('*', '[^/]*')}$`).test(path)
  })
}
