import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Clock } from '../server/record.ts'
import type { Context } from './context.ts'

type StopSignal = 'SIGINT' | 'SIGTERM'

/** What can receive signals: the process, or an emitter in its place. */
interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown
  off(signal: StopSignal, listener: () => void): unknown
}

// One Ctrl-C reaches us several times: from the terminal, and again from npm, which passes it on. Nobody presses twice
// within this time on purpose.
const echoMs = 100

/** Turns SIGINT and SIGTERM into one kind of call, without their echoes. */
export function listenToStopSignals(source: SignalSource, clock: Clock): Context['onStopSignal'] {
  return listener => {
    let lastAt = Number.NEGATIVE_INFINITY
    const hear = () => {
      const now = clock.monotonic()
      const isEcho = now - lastAt < echoMs
      lastAt = now
      if (!isEcho) listener()
    }
    source.on('SIGINT', hear)
    source.on('SIGTERM', hear)
    return () => {
      source.off('SIGINT', hear)
      source.off('SIGTERM', hear)
    }
  }
}

/** What SIGHUP needs of a process. */
interface ReloadSource {
  readonly pid: number
  on(signal: 'SIGHUP', listener: () => void): unknown
  off(signal: 'SIGHUP', listener: () => void): unknown
  kill(pid: number, signal: 'SIGTERM'): unknown
}

/** Turns SIGHUP into a call. A terminal that is closed sends it too: then everything on it has to stop. */
export function listenToReloadSignal(source: ReloadSource): Context['onReloadSignal'] {
  return listener => {
    const onTerminal = [0, 1, 2].some(isatty)
    const hear = () => {
      if (onTerminal && terminalIsGone()) source.kill(source.pid, 'SIGTERM')
      else listener()
    }
    source.on('SIGHUP', hear)
    return () => source.off('SIGHUP', hear)
  }
}

/** The kernel takes a terminal that was closed away from everything that ran on it. */
function terminalIsGone(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}
