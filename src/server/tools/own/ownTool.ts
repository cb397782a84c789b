import { TalonError } from '../../../protocol/errors.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { defineTool, type Tool, type ToolAnswer, type ToolContext } from '../tool.ts'
import { type Answer, askOwnTool } from './ask.ts'
import { argumentsSchema, type OwnDefinition } from './definition.ts'

/** Where the file of a tool is, absolute paths. */
export interface OwnFile {
  file: string
  folder: string
}

/**
 * The tool of a file of the data folder. What it declares as its permission counts only behind a full wall.
 * @throws DefinitionError if its parameters cannot be used
 */
export function ownTool(definition: OwnDefinition, place: OwnFile, sandbox: Sandbox, newMark: () => string): Tool {
  const { name, description, permission, parameters, example = {}, timeoutMs } = definition
  const tool = defineTool({
    name,
    description,
    permission,
    example,
    group: 'own',
    schema: argumentsSchema(definition),
    taints: true,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    dryRun: async (args, context) => {
      const argv = sandbox.describe({ argv: [process.execPath, place.file], cwd: context.workspace })
      return `Would run ${place.file} with ${JSON.stringify(args)}:\n${argv.map(word => JSON.stringify(word)).join(' ')}`
    },
    run: (args, context) => run(args, context, definition, place, newMark()),
  })
  return {
    ...tool,
    parameters: { ...parameters, examples: [example] },
    get permission() {
      return sandbox.level === 'full' ? permission : 'exec'
    },
  }
}

/** Stands in the list for a file that is no tool. */
export function brokenTool(name: string, reason: string): Tool {
  return {
    name,
    description: 'An own tool that cannot be used.',
    group: 'own',
    permission: 'exec',
    parameters: { type: 'object' },
    timeoutMs: undefined,
    taints: true,
    available: () => reason,
    bind: () => ({ ok: false, problem: reason }),
  }
}

async function run(
  args: Record<string, unknown>,
  context: ToolContext,
  { permission }: OwnDefinition,
  place: OwnFile,
  mark: string,
): Promise<ToolAnswer> {
  const { sandbox, workspace, signal, invocationId, sessionId, maxOutputBytes, stream } = context
  const answer = await askOwnTool(
    sandbox,
    {
      ...place,
      args,
      context: { workspace, sessionId, invocationId },
      cwd: workspace,
      network: permission === 'network',
      readOnly: permission === 'safe' || permission === 'network',
      signal,
      id: invocationId,
      maxOutputBytes,
      // The run of the tool has its own time, which `signal` tells.
      timeLimitMs: maxLifeMs,
      onOutput: stream,
    },
    mark,
  )
  return answerOf(answer)
}

const maxLifeMs = 660_000

function answerOf({ output, failure, problem, said, stopped }: Answer): ToolAnswer {
  if (stopped) return { output: said, error: `The tool was ended. ${stopped.reason}`, code: 'TOOL_FAILED' }
  if (problem !== undefined) throw new TalonError('TOOL_FAILED', problem)
  if (failure !== undefined) return { output: said, error: failure, code: 'TOOL_FAILED' }
  return said === '' ? (output ?? '') : `${output ?? ''}\n\nIt also wrote:\n${said}`
}
