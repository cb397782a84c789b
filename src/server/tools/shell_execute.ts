import { StringDecoder } from 'node:string_decoder'
import * as z from 'zod'
import type { ChildResult } from './child.ts'
import { commandParameters, shellArgv, whyNoShell, workingFolder, wouldRun } from './commandLine.ts'
import { maxTimeoutMs } from './performTool.ts'
import { defineTool, type ToolAnswer, type ToolContext } from './tool.ts'

const schema = z.strictObject({
  ...commandParameters,
  timeout: z
    .number()
    .int()
    .min(1)
    .max(maxTimeoutMs)
    .optional()
    .describe('Milliseconds after which it is ended; a setting (30000) where this is left out.'),
})

export default defineTool({
  name: 'shell_execute',
  description:
    'Runs a command of the shell in the workspace and returns its exit code and output. Nothing that it starts outlives it: use process_start for that.',
  group: 'shell',
  permission: 'exec',
  schema,
  example: { command: 'grep -rn TODO . | head', cwd: '.', timeout: 10_000 },
  // The tool keeps the time itself, so that what was said until then is part of the answer.
  timeoutMs: maxTimeoutMs,
  taints: true,
  available: whyNoShell,
  dryRun: (args, context) => wouldRun(args.command, args.cwd, context),
  async run(args, context) {
    const { sandbox, config, signal, invocationId: id, maxOutputBytes } = context
    const folder = await workingFolder(args.cwd, context)
    const result = await sandbox.run({
      argv: shellArgv(args.command),
      cwd: folder.path,
      network: config['sandbox.network'],
      signal,
      id,
      maxOutputBytes,
      maxTotalBytes: maxOutputBytes,
      timeLimitMs: args.timeout ?? config['tools.timeoutMs'],
      onOutput: streamTo(context),
    })
    return answerOf(result)
  },
})

function streamTo(context: ToolContext): (stream: 'stdout' | 'stderr', chunk: Buffer) => void {
  // A character may be cut in two between chunks.
  const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  return (stream, chunk) => {
    const text = decoders[stream].write(chunk)
    if (text !== '') context.stream(stream, text)
  }
}

function answerOf(result: ChildResult): ToolAnswer {
  const { exitCode, signal, stopped, stdout, stderr } = result
  const ended = signal === null ? `Exit code ${exitCode}.` : `Ended by ${signal}.`
  const parts = [stopped === undefined ? ended : `${ended} ${stopped.reason}`]
  if (stdout !== '') parts.push(`stdout:\n${stdout}`)
  if (stderr !== '') parts.push(`stderr:\n${stderr}`)
  const output = parts.join('\n\n')
  if (stopped !== undefined) {
    const code = stopped.by === 'time' ? 'TIMEOUT' : stopped.by === 'output' ? 'TOO_LARGE' : 'TOOL_FAILED'
    return { output, error: `The command was ended. ${stopped.reason}`, code }
  }
  if (exitCode === 0) return output
  const words = signal === null ? `with exit code ${exitCode}` : `by ${signal}`
  return { output, error: `The command ended ${words}.`, code: 'TOOL_FAILED' }
}
