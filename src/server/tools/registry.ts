import { realpathSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import type { ToolInfo } from '../../protocol/shapes.ts'
import { type Config, ConfigError } from '../config.ts'
import type { Log } from '../log.ts'
import type { Clock, Tools } from '../record.ts'
import { denialOf } from './decide.ts'
import type { Network } from './network/network.ts'
import { type InvocationStore, ToolRunner } from './runTool.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { Tool, ToolApp, ToolStore } from './tool.ts'

export interface ToolParts {
  store: InvocationStore & ToolStore
  config: Config
  /** The data folder, an absolute path. */
  home: string
  log: Log
  clock: Clock
  newId: () => string
  sandbox: Sandbox
  network: Network
}

/**
 * The tools of this gateway: those whose files lie in this folder, unless others are given.
 * @throws ConfigError if the workspace holds the data folder.
 */
export function createTools(parts: ToolParts, tools: Tool[] = toolsOfFolder()): Tools {
  const { config, log, clock, newId, store, sandbox, network } = parts
  const app: ToolApp = {
    config,
    log,
    clock,
    newId,
    store,
    sandbox,
    network,
    workspace: workspaceOf(parts.home, config['tools.workspace']),
  }
  const runner = new ToolRunner(app, parts.store, tools)
  const list = () => tools.map(tool => infoOf(tool, app))
  return {
    list,
    listing: () => ({ tools: list() }),
    run: input => runner.run(input),
    cancel: (invocationId, tokenId) => runner.cancel(invocationId, tokenId),
  }
}

function infoOf(tool: Tool, app: ToolApp): ToolInfo {
  const { name, description, parameters, group, permission } = tool
  const reason = denialOf(tool) ?? tool.available(app)
  const facts = { name, description, parameters, group, permission, available: reason === undefined }
  return reason === undefined ? facts : { ...facts, reason }
}

// The folder is the registry: a tool is a file whose name has an underscore, and is called like it.
function toolsOfFolder(): Tool[] {
  const files = import.meta.glob<{ default: Tool }>('./*_*.ts', { eager: true })
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
  for (const own of ['run', 'backups']) {
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
