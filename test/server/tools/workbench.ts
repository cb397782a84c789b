import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { TalonError } from '../../../src/protocol/errors.ts'
import { type Profile, scopes } from '../../../src/protocol/shapes.ts'
import { type Attachments, createAttachments } from '../../../src/server/attachments.ts'
import { createBus } from '../../../src/server/bus.ts'
import { loadConfig } from '../../../src/server/config.ts'
import { openLog } from '../../../src/server/log.ts'
import type { Bus, ToolOutcome, ToolRunInput, Tools } from '../../../src/server/record.ts'
import type { Config } from '../../../src/server/settings.ts'
import { createApprovals, type GatewayApprovals } from '../../../src/server/tools/approvals/approvals.ts'
import { type Browser, createBrowser } from '../../../src/server/tools/browser/browser.ts'
import { createCompute } from '../../../src/server/tools/compute/compute.ts'
import { createNetwork } from '../../../src/server/tools/network/network.ts'
import { createProcesses } from '../../../src/server/tools/processes.ts'
import { createReader } from '../../../src/server/tools/reading/reader.ts'
import { createTools, workspaceOf } from '../../../src/server/tools/registry.ts'
import { rootsOf } from '../../../src/server/tools/roots.ts'
import { createSandbox } from '../../../src/server/tools/sandbox/sandbox.ts'
import { defineTool, type Permission, type Tool, type ToolContext } from '../../../src/server/tools/tool.ts'
import { createTrash, type Trash } from '../../../src/server/tools/trash/trash.ts'
import { temporaryStore } from '../../support/store.ts'

/** Tools on a real store and a real folder. */
export interface Workbench extends AsyncDisposable {
  tools: Tools
  home: string
  /** The real path of the workspace. */
  workspace: string
  store: Awaited<ReturnType<typeof temporaryStore>>['store']
  approvals: GatewayApprovals
  trash: Trash
  browser: Browser
  attachments: Attachments
  bus: Bus
  /** What was logged, one JSON line each. */
  lines: string[]
  run(toolName: string, args: Record<string, unknown>, more?: Partial<ToolRunInput>): Promise<ToolOutcome>
  /** The same after a restart of the gateway, with other tools if they are given: nothing of its memory is left. */
  restarted(tools?: Tool[]): Tools
}

/** @param options.person what the person at the workbench answers to whatever asks: allows it, if absent */
export async function workbench(
  options: {
    config?: Partial<Config>
    tools?: Tool[]
    person?: 'allow' | 'deny' | 'nobody'
    /** The most that tools may do for a token. */
    profileOf?: (tokenId: string | null) => Profile
    /** Time of one calculation. */
    computeLimitMs?: number
  } = {},
): Promise<Workbench> {
  const { store, home, dispose } = await temporaryStore()
  const lines: string[] = []
  const config = { ...loadConfig({ home, env: {} }).values, ...options.config }
  const log = openLog({ level: 'debug', write: line => lines.push(line) })
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  let count = 0
  const newId = () => `id-${++count}`
  const sandbox = createSandbox({ home, workspace: join(home, config['tools.workspace']), config, log, newId })
  const processes = createProcesses({ sandbox, config, log, clock, newId })
  // A machine that does much else may take its time.
  const compute = createCompute({ timeLimitMs: options.computeLimitMs ?? 60_000 })
  const attachments = createAttachments({ home, store, config, clock, newId })
  const network = createNetwork({ config })
  const browser = createBrowser({ home, config, network, sandbox, log, clock })
  const out = { network, reader: createReader(), compute, attachments, browser }
  const trash = () => {
    const workspace = workspaceOf(home, config['tools.workspace'])
    const roots = rootsOf(home, workspace, config['tools.roots'])
    return createTrash({ home, workspace, roots, config, clock, newId })
  }
  const parts = { store, config, home, log, clock, newId, sandbox, processes, ...out }
  const bus = createBus({ clock, frameId: newId })
  const { profileOf = () => 'full', person = 'allow' } = options
  const audit = { record: async () => undefined }
  const metrics = { inc: () => undefined }
  const approvals = createApprovals({ ...parts, bus, metrics, audit, logs: log })
  bus.onBroadcast(({ type, payload }) => {
    if (type !== 'approval.requested' || person === 'nobody') return
    const by = { tokenId: 'person', channel: 'ws', address: undefined, userAgent: undefined } as const
    void approvals.resolve({ approvalId: String(payload['approvalId']), decision: person, by })
  })
  const auth = {
    profileOf: async (tokenId: string | null) => profileOf(tokenId),
    scopesOf: async () => new Set(scopes),
  }
  // Whoever needs an agent or the clock starts a whole gateway.
  const lone = () => Promise.reject(new TalonError('FORBIDDEN', 'No agent works at this bench.'))
  const agents = { delegate: lone }
  const schedules = { add: lone, list: lone, remove: lone, foresee: lone }
  const start = (declared = options.tools) =>
    createTools({ ...parts, trash: trash(), agents, schedules, approvals, bus, auth, logs: log }, declared)
  const tools = await closingOnError(start, dispose)
  const workspace = join(home, 'workspace')
  mkdirSync(workspace, { recursive: true, mode: 0o700 })
  return {
    tools,
    home,
    workspace: realpathSync(workspace),
    store,
    approvals,
    trash: trash(),
    browser,
    attachments,
    bus,
    lines,
    run: (toolName, args, more) => tools.run({ toolName, args, tokenId: 'token', ...more }),
    restarted: start,
    async [Symbol.asyncDispose]() {
      approvals.close()
      await tools.stop(0)
      await sandbox.close()
      await out.reader.close()
      await compute.close()
      await dispose()
    },
  }
}

export function request(requestId: string, hash = 'hash'): { tokenId: string; requestId: string; hash: string } {
  return { tokenId: 'token', requestId, hash }
}

const nothing = z.strictObject({})

/** A tool without arguments that does this. */
export function toolThat(
  run: (context: ToolContext) => Promise<string>,
  more: { permission?: Permission; available?: () => string; taints?: boolean; group?: string } = {},
) {
  const base = { name: 'test_tool', description: 'A tool of a test.', group: 'test', permission: 'safe' as const }
  return defineTool({ ...base, schema: nothing, example: {}, ...more, run: (_args, context) => run(context) })
}

/** A tool that counts its runs and ends each when it is told to. */
export function gatedTool(permission: Permission = 'safe'): {
  tool: Tool
  runs: () => number
  started: Promise<ToolContext>
  open: () => void
} {
  const gate = Promise.withResolvers<void>()
  const started = Promise.withResolvers<ToolContext>()
  let runs = 0
  const tool = toolThat(
    async context => {
      runs += 1
      started.resolve(context)
      await Promise.race([gate.promise, new Promise((_, reject) => context.signal.addEventListener('abort', reject))])
      return `run ${runs}`
    },
    { permission },
  )
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
