import { existsSync, type FSWatcher, watch } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { Log } from '../../log.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { Tool } from '../tool.ts'
import { askOwnTool } from './ask.ts'
import { DefinitionError, readDefinition } from './definition.ts'
import { brokenTool, ownTool } from './ownTool.ts'

/** Files that are looked at; more are left out, and the log says so. */
const maxFiles = 50
const maxFileBytes = 1_048_576
const maxDefinitionBytes = 262_144
const definitionTimeoutMs = 15_000
/** Time without another change after which the folder is read again: an editor writes a file in several steps. */
const settleMs = 150
/** Time after which it is looked for again where it was taken away, as by whoever puts another in its place. */
const missingMs = 2_000
const extensions = ['.ts', '.mts', '.js', '.mjs']

/** Tools that the owner of the data folder put into its folder `tools`. */
export interface OwnTools {
  /** Sorted by name; those that cannot be used are among them, with the reason. */
  list(): readonly Tool[]
  /** Reads the folder, and again at each change. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface OwnToolsParts {
  home: string
  /** The folder that tools work in, an absolute path. */
  workspace: string
  sandbox: Sandbox
  log: Log
  newId: () => string
  /** Names that are taken. */
  taken: ReadonlySet<string>
  onChange: () => void
}

interface Loaded {
  /** Changes with each change of the file. */
  version: string
  tool: Tool | undefined
}

export function createOwnTools(parts: OwnToolsParts): OwnTools {
  const folder = join(parts.home, 'tools')
  const stop = new AbortController()
  let loaded = new Map<string, Loaded>()
  let tools: readonly Tool[] = []
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> = Promise.resolve()

  const later = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(readNext, ms).unref()
  }
  const follow = () => {
    const following = watch(folder, { persistent: false }, (_event, name) => {
      // The folder itself was moved or removed: what is watched is not what has its name any more.
      if (name === basename(folder) && watcher === following) unfollow()
      later(settleMs)
    })
    following.on('error', error => parts.log.warn({ err: error, folder }, 'changes of own tools are no longer seen'))
    return following
  }
  const unfollow = () => {
    watcher?.close()
    watcher = undefined
  }
  const read = async () => {
    stop.signal.throwIfAborted()
    const before = loaded
    const isThere = existsSync(folder)
    if (isThere) watcher ??= follow()
    else later(missingMs)
    loaded = isThere ? await readFolder(parts, folder, before, stop.signal) : new Map()
    const changed = loaded.size !== before.size || [...loaded].some(([name, file]) => before.get(name) !== file)
    if (!changed) return
    tools = distinct(loaded, parts.log)
    parts.onChange()
  }
  // One after the other: two readings at once would each describe a file that has just changed.
  const readNext = () => {
    reading = reading.then(read).catch(error => {
      if (stop.signal.aborted) return
      parts.log.error({ err: error, folder }, 'the folder of own tools could not be read')
      if (!watcher) later(missingMs)
    })
    return reading
  }
  // Who stops it waits for that, because it makes a folder.
  let started: Promise<void> | undefined
  const begin = (act: () => Promise<void>) => {
    const beginning = act()
    started = beginning.catch(() => {})
    return beginning
  }
  return {
    list: () => tools,
    start: () =>
      begin(async () => {
        if (stop.signal.aborted) return
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await readNext()
      }),
    async stop() {
      stop.abort(new Error('The gateway stops.'))
      await started
      unfollow()
      clearTimeout(timer)
      await reading
    },
  }
}

async function readFolder(
  parts: OwnToolsParts,
  folder: string,
  before: ReadonlyMap<string, Loaded>,
  signal: AbortSignal,
): Promise<Map<string, Loaded>> {
  const names = (await readdir(folder)).filter(name => /^[^._]/.test(name) && extensions.includes(extname(name))).sort()
  if (names.length > maxFiles) parts.log.warn({ folder, files: names.length, maxFiles }, 'own tools are too many')
  const found = new Map<string, Loaded>()
  for (const name of names.slice(0, maxFiles)) {
    const file = join(folder, name)
    const stats = await stat(file).catch(() => undefined)
    if (!stats?.isFile()) continue
    const version = `${stats.ino} ${stats.size} ${stats.mtimeMs}`
    const known = before.get(name)
    found.set(
      name,
      known?.version === version ? known : { version, tool: await load(parts, { file, folder }, stats.size, signal) },
    )
    signal.throwIfAborted()
  }
  return found
}

/** The tool of a file, or what stands for it where it is none. */
async function load(
  { sandbox, workspace, log, newId, taken }: OwnToolsParts,
  place: { file: string; folder: string },
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Tool | undefined> {
  const newMark = () => `${newId()} `
  const { file } = place
  try {
    if (sizeBytes > maxFileBytes) throw new DefinitionError(`It has more than ${maxFileBytes} bytes.`)
    const bounds = { maxOutputBytes: maxDefinitionBytes, timeLimitMs: definitionTimeoutMs }
    const order = { ...place, ...bounds, cwd: workspace, readOnly: true, signal, id: newId() }
    const { definition, problem, failure, stopped } = await askOwnTool(sandbox, order, newMark())
    const wrong = problem ?? failure ?? stopped?.reason
    if (wrong !== undefined) throw new DefinitionError(wrong)
    const tool = ownTool(readDefinition(definition), place, sandbox, newMark)
    if (taken.has(tool.name))
      throw new DefinitionError(`The name "${tool.name}" is that of a tool of Talon. Choose another.`)
    log.info({ file, tool: tool.name, permission: tool.permission }, 'an own tool is loaded')
    return tool
  } catch (error) {
    signal.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    log.warn({ file, reason }, 'an own tool cannot be used')
    const name = basename(file, extname(file))
    return taken.has(name) ? undefined : brokenTool(name, `${file}: ${reason}`)
  }
}

/** Of several of one name the first file counts. */
function distinct(loaded: ReadonlyMap<string, Loaded>, log: Log): Tool[] {
  const byName = new Map<string, Tool>()
  for (const [file, { tool }] of loaded) {
    if (!tool) continue
    if (byName.has(tool.name)) log.warn({ file, tool: tool.name }, 'an own tool has the name of another one')
    else byName.set(tool.name, tool)
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
