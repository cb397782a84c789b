import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { onTestFinished } from 'vitest'
import type { Context, Input, Output } from '../../src/cli/context.ts'
import { run } from '../../src/cli/program.ts'

export interface Started {
  exitCode: Promise<number>
  context: Context
  /** What was written so far. */
  out(): string
  err(): string
  /** Resolves as soon as what was written to standard output holds this text, and drops everything up to its end. */
  until(text: string): Promise<void>
  type(text: string): void
  pressStop(): void
}

export interface CommandOptions {
  home?: string
  env?: Record<string, string>
  /** Text on a pipe; `terminal` for a person at a keyboard. */
  stdin?: string | 'terminal'
}

/** A data folder for one test. */
export function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'talon-cli-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

/** Runs a command in this process, with its own streams. */
export function startCommand(argv: string[], options: CommandOptions = {}): Started {
  const stdin: PassThrough & { isTTY?: boolean } = new PassThrough()
  if (options.stdin === 'terminal') stdin.isTTY = true
  else stdin.end(options.stdin ?? '')
  const stdout = record()
  const stderr = record()
  const listeners = new Set<() => void>()
  const context: Context = {
    env: options.env ?? {},
    home: options.home ?? newHome(),
    version: '9.9.9',
    stdin: stdin as Input,
    stdout: stdout.stream,
    stderr: stderr.stream,
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    onReloadSignal: () => () => undefined,
    onStopSignal(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const exitCode = run(argv, context)
  void exitCode.then(code => stdout.end(`It ended with ${code} and said: ${stderr.text()}`))
  return {
    exitCode,
    context,
    out: stdout.text,
    err: stderr.text,
    until: stdout.until,
    type: text => void stdin.write(text),
    pressStop: () => {
      for (const listener of listeners) listener()
    },
  }
}

/** Runs a command to its end. */
export async function runCommand(
  argv: string[],
  options?: CommandOptions,
): Promise<{ exitCode: number; out: string; err: string }> {
  const command = startCommand(argv, options)
  const exitCode = await command.exitCode
  return { exitCode, out: command.out(), err: command.err() }
}

function record() {
  const stream = new PassThrough()
  let text = ''
  let seen = 0
  let ended: string | undefined
  let check = () => {}
  stream.on('data', chunk => {
    text += chunk
    check()
  })
  return {
    stream: stream as Output,
    text: () => text,
    end(reason: string) {
      ended = reason
      check()
    },
    until: (wanted: string) =>
      new Promise<void>((resolve, reject) => {
        check = () => {
          const at = text.indexOf(wanted, seen)
          if (at === -1) return ended === undefined ? undefined : reject(new Error(`Waiting for "${wanted}": ${ended}`))
          seen = at + wanted.length
          check = () => {}
          resolve()
        }
        check()
      }),
  }
}
