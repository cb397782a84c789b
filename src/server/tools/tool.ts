import * as z from 'zod'
import type { Store } from '../../db/store.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { ToolInfo } from '../../protocol/shapes.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../record.ts'
import { explainArguments } from './arguments.ts'
import type { Network } from './network/network.ts'
import type { Sandbox } from './sandbox/sandbox.ts'

/** What tools keep and look up. */
export type ToolStore = Pick<Store, 'search'>

export type Permission = ToolInfo['permission']

/** What every tool is handed of the gateway. */
export interface ToolApp {
  config: Config
  /** The folder that tools may read and write, an absolute path. */
  workspace: string
  log: Log
  clock: Clock
  newId: () => string
  store: ToolStore
  sandbox: Sandbox
  network: Network
}

/** One run of a tool. `signal` aborts with the `TalonError` that says why: `TIMEOUT` or `CANCELLED`. */
export interface ToolContext extends ToolApp {
  signal: AbortSignal
  invocationId: string
  sessionId: string | undefined
  runId: string | undefined
  /** Who asks; null for the gateway itself. */
  tokenId: string | null
  maxOutputBytes: number
  /** Shows output while the tool still runs. */
  stream(stream: 'stdout' | 'stderr', chunk: string): void
}

/** What a tool says. With `error` it failed and still has something to show. */
export type ToolAnswer = string | { output: string; error?: string; code?: ErrorCode }

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
  /** Why the tool cannot work on this machine; undefined if it can. */
  available?: (app: ToolApp) => string | undefined
  /**
   * What an approval "for this session" covers beside the name of the tool, such as a host; its exact arguments where
   * this is left out.
   */
  subject?: (args: z.output<S>) => string
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
  bind: (args: Record<string, unknown>) => BoundTool
}

/** A tool with arguments that were checked, or what is wrong with them. */
export type BoundTool =
  | {
      ok: true
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
    available: app => definition.available?.(app),
    bind(args) {
      const parsed = schema.safeParse(withoutNulls(args))
      if (!parsed.success) return { ok: false, problem: explainArguments(definition, parsed.error.issues) }
      return {
        ok: true,
        subject: definition.subject?.(parsed.data),
        run: context => definition.run(parsed.data, context),
        dryRun: async context =>
          definition.dryRun?.(parsed.data, context) ?? `Would run ${name} with ${JSON.stringify(parsed.data)}.`,
      }
    },
  }
}

function parametersOf<S extends z.ZodObject>(definition: ToolDefinition<S>): Record<string, unknown> {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(definition.schema, { io: 'input' })
  return { ...parameters, examples: [definition.example] }
}

// Models write null for an optional argument that they leave out.
function withoutNulls(args: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null))
}
