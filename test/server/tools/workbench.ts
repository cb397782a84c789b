import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../../src/server/config.ts'
import { openLog } from '../../../src/server/log.ts'
import type { ToolOutcome, ToolRunInput, Tools } from '../../../src/server/record.ts'
import type { Config } from '../../../src/server/settings.ts'
import { createTools } from '../../../src/server/tools/registry.ts'
import type { Tool } from '../../../src/server/tools/tool.ts'
import { temporaryStore } from '../../support/store.ts'

/** Tools on a real store and a real folder. */
export interface Workbench extends AsyncDisposable {
  tools: Tools
  home: string
  /** The real path of the workspace. */
  workspace: string
  store: Awaited<ReturnType<typeof temporaryStore>>['store']
  /** What was logged, one JSON line each. */
  lines: string[]
  run(toolName: string, args: Record<string, unknown>, more?: Partial<ToolRunInput>): Promise<ToolOutcome>
  /** The same tools as after a restart of the gateway: nothing of its memory is left. */
  restarted(): Tools
}

export async function workbench(options: { config?: Partial<Config>; tools?: Tool[] } = {}): Promise<Workbench> {
  const { store, home, dispose } = await temporaryStore()
  const lines: string[] = []
  const config = { ...loadConfig({ home, env: {} }).values, ...options.config }
  const log = openLog({ level: 'debug', write: line => lines.push(line) })
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  let count = 0
  const newId = () => `id-${++count}`
  const start = () => createTools({ store, config, home, log, clock, newId }, options.tools)
  const tools = await closingOnError(start, dispose)
  const workspace = join(home, 'workspace')
  mkdirSync(workspace, { recursive: true, mode: 0o700 })
  return {
    tools,
    home,
    workspace: realpathSync(workspace),
    store,
    lines,
    run: (toolName, args, more) => tools.run({ toolName, args, tokenId: 'token', ...more }),
    restarted: start,
    [Symbol.asyncDispose]: dispose,
  }
}

export function request(requestId: string, hash = 'hash'): { tokenId: string; requestId: string; hash: string } {
  return { tokenId: 'token', requestId, hash }
}

async function closingOnError<T>(make: () => T, dispose: () => Promise<void>): Promise<T> {
  try {
    return make()
  } catch (error) {
    await dispose()
    throw error
  }
}
