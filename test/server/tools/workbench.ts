import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { loadConfig } from '../../../src/server/config.ts'
import { openLog } from '../../../src/server/log.ts'
import type { ToolOutcome, ToolRunInput, Tools } from '../../../src/server/record.ts'
import type { Config } from '../../../src/server/settings.ts'
import { createNetwork } from '../../../src/server/tools/network/network.ts'
import { createTools } from '../../../src/server/tools/registry.ts'
import { createSandbox } from '../../../src/server/tools/sandbox/sandbox.ts'
import { defineTool, type Permission, type Tool, type ToolContext } from '../../../src/server/tools/tool.ts'
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
  /** The same after a restart of the gateway, with other tools if they are given: nothing of its memory is left. */
  restarted(tools?: Tool[]): Tools
}

export async function workbench(options: { config?: Partial<Config>; tools?: Tool[] } = {}): Promise<Workbench> {
  const { store, home, dispose } = await temporaryStore()
  const lines: string[] = []
  const config = { ...loadConfig({ home, env: {} }).values, ...options.config }
  const log = openLog({ level: 'debug', write: line => lines.push(line) })
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  let count = 0
  const newId = () => `id-${++count}`
  const parts = { store, config, home, log, clock, newId, sandbox: createSandbox(), network: createNetwork() }
  const start = (declared = options.tools) => createTools(parts, declared)
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

const nothing = z.strictObject({})

/** A tool without arguments that does this. */
export function toolThat(
  run: (context: ToolContext) => Promise<string>,
  more: { permission?: Permission; available?: () => string } = {},
) {
  const base = { name: 'test_tool', description: 'A tool of a test.', group: 'test', permission: 'safe' as const }
  return defineTool({ ...base, schema: nothing, example: {}, ...more, run: (_args, context) => run(context) })
}

/** A tool that counts its runs and ends each when it is told to. */
export function gatedTool(): { tool: Tool; runs: () => number; started: Promise<ToolContext>; open: () => void } {
  const gate = Promise.withResolvers<void>()
  const started = Promise.withResolvers<ToolContext>()
  let runs = 0
  const tool = toolThat(async context => {
    runs += 1
    started.resolve(context)
    await Promise.race([gate.promise, new Promise((_, reject) => context.signal.addEventListener('abort', reject))])
    return `run ${runs}`
  })
  return { tool, runs: () => runs, started: started.promise, open: gate.resolve }
}

async function closingOnError<T>(make: () => T, dispose: () => Promise<void>): Promise<T> {
  try {
    return make()
  } catch (error) {
    await dispose()
    throw error
  }
}
