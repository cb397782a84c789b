import * as z from 'zod'
import type { MemoryCommands, MemoryHeavyQueries, MemoryQueries, Store } from '../../db/store.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Profile, ToolInfo } from '../../protocol/shapes.ts'
import type { AttachmentRef, Attachments } from '../attachments.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Agents, Auth, Clock, Schedules } from '../record.ts'
import { explainArguments, explainDepth } from './arguments.ts'
import type { Browser } from './browser/browser.ts'
import type { Compute } from './compute/compute.ts'
import { frozenCopy } from './frozen.ts'
import type { Network } from './network/network.ts'
import type { Processes } from './processes.ts'
import type { Reader } from './reading/reader.ts'
import type { Root } from './roots.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import type { Trash } from './trash/trash.ts'

/** What tools keep and look up. */
export type ToolStore = Pick<Store, 'search' | 'getHead' | 'getRun' | 'getDelegation'> &
  MemoryCommands &
  MemoryQueries &
  MemoryHeavyQueries

export type Permission = ToolInfo['permission']

/** What every tool is handed of the gateway. */
export interface ToolApp {
  config: Config
  /** The folder that tools may read and write, an absolute path. */
  workspace: string
  /** Folders beside it that the file tools may use. */
  roots: readonly Root[]
  log: Log
  clock: Clock
  newId: () => string
  store: ToolStore
  /** What the token of this id may do now. */
  scopesOf: Auth['scopesOf']
  sandbox: Sandbox
  /** Processes that tools leave running. */
  processes: Processes
  network: Network
  /** Makes what came from there readable. */
  reader: Reader
  /** Calculates apart from everything else. */
  compute: Compute
  /** Where deleted files go. */
  trash: Trash
  /** Where files for people go. */
  attachments: Attachments
  browser: Browser
  /** Lets others work on something. */
  agents: Agents
  schedules: Pick<Schedules, 'add' | 'list' | 'remove' | 'foresee'>
  /** Folder for copies that live as long as a run, an absolute path that no tool can name. */
  scratch: string
}

/** One run of a tool. `signal` aborts with the `TalonError` that says why: `TIMEOUT` or `CANCELLED`. */
export interface ToolContext extends Omit<ToolApp, 'log'> {
  signal: AbortSignal
  invocationId: string
  sessionId: string | undefined
  runId: string | undefined
  /** Who asks; null for the gateway itself. */
  tokenId: string | null
  /** Whether text of others is in what the model sees: what is written now, and read again one day, taints then. */
  tainted: boolean
  /** The most that tools may do for whoever asks. */
  profile: Profile
  maxOutputBytes: number
  /** What it was decided about, as the tool's `subject` said then. */
  subject: string | undefined
  /** Shows output while the tool still runs. */
  stream(stream: 'stdout' | 'stderr', chunk: string): void
}

/**
 * What a tool says. With `error` it failed and still has something to show. `taints` says it of this answer, where that
 * of the tool is not true of all its answers.
 */
export type ToolAnswer =
  | string
  | { output: string; error?: string; code?: ErrorCode; taints?: boolean; attachments?: AttachmentRef[] }

/** Who calls a tool. */
export interface Asking {
  app: ToolApp
  sessionId: string | undefined
  tokenId: string | null
}

/** One tool as its file declares it: `run` is plain, everything around it is done by `runTool`. */
export interface ToolDefinition<S extends z.ZodObject> {
  name: string
  description: string
  group: string
  permission: Permission
  schema: S
  /** Arguments that work; shown to whoever sent others. */
  example: z.input<S>
  /** Time for one run where it differs from `tools.timeoutMs`. */
  timeoutMs?: number
  /** Whether it only waits for what others do, and so takes no slot of theirs. */
  waits?: boolean
  /** Why the tool cannot work on this machine; undefined if it can. */
  available?: (app: ToolApp) => string | undefined
  /**
   * What an approval "for this session" covers beside the name of the tool, such as a host; its exact arguments where
   * this is left out.
   */
  subject?: (args: z.output<S>, asking: Asking) => string
  /** Whether its output is text of others, such as a web page or a file: what a run does after it needs more care. */
  taints?: boolean
  /** Says what `run` would do, with what it would touch (resolved paths, argv, host and addresses), and changes nothing. */
  dryRun?: (args: z.output<S>, context: ToolContext) => Promise<string>
  run: (args: z.output<S>, context: ToolContext) => Promise<ToolAnswer>
}

/** A tool whose type of arguments nobody needs to know any more. */
export interface Tool {
  name: string
  description: string
  group: string
  permission: Permission
  /** JSON Schema of the arguments. */
  parameters: Record<string, unknown>
  timeoutMs: number | undefined
  available: (app: ToolApp) => string | undefined
  taints: boolean
  waits?: boolean
  bind: (args: Record<string, unknown>, asking: Asking) => BoundTool
}

/** A tool with arguments that were checked, or what is wrong with them. */
export type BoundTool =
  | {
      ok: true
      /** As they were checked; frozen. `run` and `dryRun` use this very object. */
      args: Record<string, unknown>
      subject: string | undefined
      run: (context: ToolContext) => Promise<ToolAnswer>
      dryRun: (context: ToolContext) => Promise<string>
    }
  | { ok: false; problem: string }

/** Declares a tool; the arguments of `run` have the type of its schema. */
export function defineTool<S extends z.ZodObject>(definition: ToolDefinition<S>): Tool {
  const { name, description, group, permission, schema, timeoutMs } = definition
  return {
    name,
    description,
    group,
    permission,
    parameters: parametersOf(definition),
    timeoutMs,
    taints: definition.taints ?? false,
    waits: definition.waits ?? false,
    available: app => definition.available?.(app),
    bind(args, asking) {
      const given = withoutNulls(args)
      const tooDeep = explainDepth(definition, given)
      if (tooDeep !== undefined) return { ok: false, problem: tooDeep }
      const parsed = schema.safeParse(given)
      if (!parsed.success) return { ok: false, problem: explainArguments(definition, parsed.error.issues, given) }
      // What a person is shown and allows is what runs, whatever happens to the request meanwhile.
      const checked = frozenCopy(parsed.data)
      return {
        ok: true,
        args: checked,
        subject: definition.subject?.(checked, asking),
        run: context => definition.run(checked, context),
        dryRun: async context =>
          definition.dryRun?.(checked, context) ?? `Would run ${name} with ${JSON.stringify(checked)}.`,
      }
    },
  }
}

function parametersOf<S extends z.ZodObject>(definition: ToolDefinition<S>): Record<string, unknown> {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(definition.schema, { io: 'input', override: plain })
  return { ...parameters, examples: [definition.example] }
}

/** Takes out what says nothing to a model, and what some providers refuse. */
function plain({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  delete jsonSchema.propertyNames
}

// Models write null for an optional argument that they leave out.
function withoutNulls(args: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null))
}
