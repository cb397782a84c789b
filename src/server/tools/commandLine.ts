import { existsSync } from 'node:fs'
import * as z from 'zod'
import type { ToolApp, ToolContext } from './tool.ts'
import { locate, openFolder, openWorkspace } from './workspace.ts'

// The kernel takes no argument of 128 KiB.
const maxCommandLength = 65_536
const shells = ['/bin/bash', '/usr/bin/bash', '/bin/sh'] as const

/** Parameters that all tools have which start a command. */
export const commandParameters = {
  command: z
    .string()
    .min(1)
    .max(maxCommandLength)
    .refine(text => !text.includes('\0'), 'must hold no NUL character')
    .describe('What the shell runs; it may hold pipes and several lines.'),
  cwd: z.string().max(4_096).default('.').describe('Folder of the workspace that it runs in.'),
}

/** Where a command would run. */
export interface Folder {
  /** An absolute path. */
  path: string
  /** Relative to the workspace. */
  shown: string
}

/** The folder of a path, which has to be one of the workspace. @throws TalonError that says why it is none */
export async function workingFolder(path: string, { workspace }: Pick<ToolApp, 'workspace'>): Promise<Folder> {
  await using root = await openWorkspace(workspace)
  const place = locate(path, workspace, root.root)
  await using folder = await openFolder(root, place.segments)
  return { path: folder.path, shown: place.shown }
}

/** The shell of this machine, told to run this. */
export function shellArgv(command: string): [string, ...string[]] {
  return [shells.find(path => existsSync(path)) ?? '/bin/sh', '-c', command]
}

/** What a dry run says of a command: how it is shut in, where it runs, and every argument the kernel would get. */
export async function wouldRun(command: string, cwd: string, context: ToolContext): Promise<string> {
  const { sandbox, config } = context
  await sandbox.probe()
  const folder = await workingFolder(cwd, context)
  const network = config['sandbox.network']
  const argv = sandbox.describe({ argv: shellArgv(command), cwd: folder.path, network })
  const wall = `sandbox ${sandbox.level}, ${network || sandbox.level !== 'full' ? 'with network' : 'no network'}`
  return `Would run in ${folder.path} (${wall}):\n${argv.map(word => JSON.stringify(word)).join(' ')}`
}

/** Why no command can run on this machine; undefined if one can. */
export function whyNoShell(): string | undefined {
  return process.platform === 'win32' ? 'Commands need a shell of Linux or macOS.' : undefined
}
