import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../db/children/send-until-killed.ts', import.meta.url))

export interface SendOptions {
  file: string
  /** Begins the ids of all messages. */
  prefix: string
  lanes?: number
  textLength?: number
  checkpointPages?: number
  /** Hears of each acknowledgement, and kills the process when it likes. */
  onAcknowledged(count: number, kill: () => void): void
}

/** Lets a process store messages until it is killed; gives the ids that it acknowledged, in order. */
export async function sendUntilKilled(options: SendOptions): Promise<string[]> {
  const { file, prefix, lanes = 1, textLength = 100, checkpointPages = 4_000 } = options
  const argv = [script, file, prefix, `${lanes}`, `${textLength}`, `${checkpointPages}`]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const acknowledged: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    const lines = (rest + chunk).split('\n')
    // The kill may cut the last line in the middle.
    rest = lines.pop() ?? ''
    for (const line of lines) {
      acknowledged.push(line)
      options.onAcknowledged(acknowledged.length, () => child.kill('SIGKILL'))
    }
  }
  const [code, signal] = await exited
  if (signal !== 'SIGKILL') throw new Error(`The process ended by itself, with ${code ?? signal}.`)
  return acknowledged
}
