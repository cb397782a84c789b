import { StringDecoder } from 'node:string_decoder'
import type { ChildResult, Stop } from '../child.ts'
import type { Command, Sandbox } from '../sandbox/sandbox.ts'
import { ownToolProgram } from './program.ts'

/** What the child of an own tool answered. */
export interface Answer {
  definition?: unknown
  output?: string
  /** What the tool threw. */
  failure?: string
  /** Why the file is no tool. */
  problem?: string
  /** What it wrote beside its answer, both streams. */
  said: string
  stopped?: Stop
}

export interface Order extends Pick<Command, 'cwd' | 'network' | 'readOnly' | 'signal' | 'id' | 'maxOutputBytes'> {
  /** The file of the tool, and the folder that it lies in. */
  file: string
  folder: string
  timeLimitMs: number
  /** Left out where only its definition is asked for. */
  args?: Record<string, unknown>
  context?: Record<string, unknown>
  onOutput?: (stream: 'stdout' | 'stderr', text: string) => void
}

/**
 * Lets a file of the folder of own tools answer, in a child behind the walls of the sandbox.
 * @param mark something that nobody can guess
 */
export async function askOwnTool(sandbox: Sandbox, order: Order, mark: string): Promise<Answer> {
  const { file, folder, args, context, onOutput, ...command } = order
  const lines = createLines(mark, onOutput)
  const result = await sandbox.run({
    ...command,
    argv: [
      process.execPath,
      '--input-type=module',
      '--disable-warning=ExperimentalWarning',
      '-e',
      ownToolProgram,
      file,
    ],
    readable: [folder],
    stdin: JSON.stringify({ mark, args, context }),
    maxTotalBytes: order.maxOutputBytes * 2,
    onOutput: lines.add,
  })
  return answerOf(result, lines.end())
}

function answerOf({ stopped, exitCode, signal }: ChildResult, { marked, said }: Lines): Answer {
  const common = stopped ? { said, stopped } : { said }
  if (stopped) return common
  const last = marked.at(-1)
  if (last === undefined) {
    const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`
    return { ...common, failure: `It ended ${how} before it had answered.` }
  }
  // The program above wrote it; a file that finds out the mark can lie about nothing but itself.
  return { ...common, ...(JSON.parse(last) as Omit<Answer, 'said'>) }
}

interface Lines {
  marked: string[]
  said: string
}

/** Takes the marked lines out of standard output; what is left is shown as it comes. */
function createLines(mark: string, onOutput: Order['onOutput']) {
  const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  const marked: string[] = []
  const said: string[] = []
  let rest = ''
  const show = (stream: 'stdout' | 'stderr', text: string) => {
    if (text === '') return
    said.push(text)
    onOutput?.(stream, text)
  }
  const take = (line: string) => {
    if (line.startsWith(mark)) marked.push(line.slice(mark.length))
    else show('stdout', `${line}\n`)
  }
  return {
    add(stream: 'stdout' | 'stderr', chunk: Buffer) {
      const text = decoders[stream].write(chunk)
      if (stream === 'stderr') return show(stream, text)
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) take(line)
    },
    end(): Lines {
      if (rest !== '') take(rest)
      return { marked, said: said.join('').trim() }
    },
  }
}
