import { realpathSync, rmSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import type { ToolInfo } from '../../protocol/shapes.ts'
import type { Attachments } from '../attachments.ts'
import { type Config, ConfigError } from '../config.ts'
import type { GatewayLog, Log } from '../log.ts'
import type { Agents, Approvals, Auth, Bus, Clock, Tools } from '../record.ts'
import type { Browser } from './browser/browser.ts'
import type { Compute } from './compute/compute.ts'
import { decisionOf } from './decide.ts'
import { createJudge, isSwitchedOff } from './judge.ts'
import { keptArguments } from './keptArguments.ts'
import type { Network } from './network/network.ts'
import { createOwnTools } from './own/ownTools.ts'
import type { Processes } from './processes.ts'
import type { Reader } from './reading/reader.ts'
import { rootsOf } from './roots.ts'
import { type InvocationStore, ToolRunner } from './runTool.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { Tool, ToolApp, ToolStore } from './tool.ts'
import type { Trash } from './trash/trash.ts'

export interface ToolParts {
  store: InvocationStore & ToolStore
  config: Config
  /** The data folder, an absolute path. */
  home: string
  log: Log
  clock: Clock
  newId: () => string
  sandbox: Sandbox
  processes: Processes
  network: Network
  reader: Reader
  compute: Compute
  trash: Trash
  attachments: Attachments
  browser: Browser
  agents: Agents
  schedules: ToolApp['schedules']
  approvals: Pick<Approvals, 'ask' | 'elevatedUntil'>
  auth: Pick<Auth, 'profileOf' | 'scopesOf'>
  bus: Pick<Bus, 'emit'>
  logs: Pick<GatewayLog, 'clean'>
  /** Told when the list of tools is another one. */
  onToolsChanged?: () => void
}

/**
 * The tools of this gateway: those whose files lie in this folder, unless others are given.
 * @throws ConfigError if the workspace holds the data folder.
 */
export function createTools(parts: ToolParts, builtIn: Tool[] = toolsOfFolder()): Tools {
  const { config, log, clock, newId, store, sandbox, processes, network, reader, compute, trash } = parts
  const workspace = workspaceOf(parts.home, config['tools.workspace'])
  const app: ToolApp = {
    config,
    log,
    clock,
    newId,
    store,
    scopesOf: parts.auth.scopesOf,
    sandbox,
    processes,
    network,
    reader,
    compute,
    trash,
    attachments: parts.attachments,
    browser: parts.browser,
    agents: parts.agents,
    schedules: parts.schedules,
    workspace,
    scratch: join(parts.home, 'run', 'scratch'),
    roots: rootsOf(parts.home, workspace, config['tools.roots']),
  }
  rmSync(app.scratch, { recursive: true, force: true }) // What a crash left there.
  const onChange = () => parts.onToolsChanged?.()
  const taken = new Set(builtIn.map(tool => tool.name))
  const own = createOwnTools({ ...app, home: parts.home, taken, onChange })
  const all = () => [...builtIn, ...own.list()]
  const judged = { ...parts, app, profileOf: parts.auth.profileOf }
  const judge = createJudge(judged)
  const runner = new ToolRunner({
    ...judged,
    tools: all,
    keptArgs: args => keptArguments(args, parts.logs.clean),
  })
  const list = () => all().map(tool => infoOf(tool, app))
  return {
    list,
    listing: () => ({ tools: list() }),
    workspace,
    async decisions(asking) {
      const decided = all().map(async tool => {
        const standing = await judge.standingOf(tool, { ...asking, toolName: tool.name, args: {} })
        return [tool.name, decisionOf(judge.verdictOf(tool, standing))] as const
      })
      return Object.fromEntries(await Promise.all(decided))
    },
    run: input => runner.run(input),
    cancel: (invocationId, tokenId) => runner.cancel(invocationId, tokenId),
    async start() {
      await sandbox.probe()
      onChange() // What a tool may do depends on the level.
      await own.start().catch(error => log.error({ err: error }, 'own tools could not be loaded'))
    },
    async stop(graceMs) {
      await runner.drain(graceMs)
      await Promise.all([own.stop(), processes.close(), parts.browser.close()])
    },
  }
}

const switchedOff = 'The setting tools.disabled switches it off.'

function infoOf(tool: Tool, app: ToolApp): ToolInfo {
  const { name, description, parameters, group, permission } = tool
  const reason = isSwitchedOff(tool, app.config['tools.disabled']) ? switchedOff : tool.available(app)
  const facts = { name, description, parameters, group, permission, available: reason === undefined }
  return reason === undefined ? facts : { ...facts, reason }
}

// The folder is the registry: a tool is a file whose name has an underscore, or one of these words, and is called so.
function toolsOfFolder(): Tool[] {
  const files = import.meta.glob<{ default: Tool }>(['./*_*.ts', './calculate.ts', './delegate.ts'], { eager: true })
  return Object.entries(files)
    .map(([file, { default: tool }]) => {
      if (file !== `./${tool.name}.ts`) throw new Error(`The tool "${tool.name}" is declared in ${file}.`)
      return tool
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The folder that tools may write. @throws ConfigError if they could change what they may do */
export function workspaceOf(home: string, setting: string): string {
  const workspace = resolve(home, setting)
  const root = realPath(workspace)
  // A tool that could write the database, the configuration or a token could give itself any right.
  if (`${realPath(home)}${sep}`.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) {
    throw new ConfigError(
      `tools.workspace: ${workspace} holds the data folder ${home}. Name a folder inside or beside it.`,
    )
  }
  for (const own of ['run', 'backups', 'tools', 'trash', 'attachments']) {
    if (`${root}${sep}`.startsWith(`${join(realPath(home), own)}${sep}`)) {
      throw new ConfigError(`tools.workspace: ${workspace} lies in a folder that Talon itself uses. Name another one.`)
    }
  }
  return workspace
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path // It is created at its first use.
  }
}
