import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pino } from 'pino'
import { ConfigError } from '../config.ts'

/** Where finished lines go. */
export interface Sink {
  write(line: string): void
  /** Resolves when everything is written, or nobody takes it. */
  close(): Promise<void>
}

export interface SinkEvents {
  /** Told of the first line that cannot be written, and again after it went well in between. */
  failed: (error: unknown) => void
  /** Told how many lines did not find room, when there is room again. */
  lost: (lines: number) => void
}

export interface FileOptions {
  /** An absolute path. */
  file: string
  maxBytes: number
  /** Full files that are kept beside the current one. */
  keepFiles: number
  /** Takes lines while the file does not. */
  meanwhile: Sink
}

// What waits for a reader or a disk. Beyond it lines are lost, because the gateway must not wait for its log.
const maxWaitingBytes = 4 * 1024 * 1024
// Who does not take the last lines in this time does not get them.
const closeGraceMs = 1_000
const fileMode = 0o600
const folderMode = 0o700

/** Writes to standard output, without waiting for whoever reads it. */
export function standardOutput(events: SinkEvents): Sink {
  return descriptorSink(1, events)
}

/**
 * Writes to a file; a full one is renamed to `<file>.1`, an older one to `.2`, and so on.
 * @throws ConfigError if the file cannot be opened
 */
export function fileSink(options: FileOptions, events: SinkEvents): Sink {
  const { file, maxBytes, meanwhile } = options
  let failing = false
  const own: DescriptorEvents = {
    lost: events.lost,
    failed(error) {
      if (!failing) events.failed(error)
      failing = true
    },
    wrote() {
      failing = false
    },
  }
  let bytes = sizeAtFirst(file)
  let current = descriptorSink(openFile(file), own)
  const next = () => {
    bytes = 0
    try {
      rotate(options)
      const full = current
      current = descriptorSink(openFile(file), own)
      void full.close()
    } catch (error) {
      // The file grows on, which is better than lines lost.
      events.failed(error)
    }
  }
  return {
    write(line) {
      if (failing) meanwhile.write(line)
      current.write(line)
      bytes += Buffer.byteLength(line)
      // What a full disk has not taken would be lost with the file that it is for.
      if (bytes >= maxBytes && !failing) next()
    },
    async close() {
      await current.close()
      await meanwhile.close()
    },
  }
}

interface DescriptorEvents extends SinkEvents {
  wrote?: () => void
}

/** Writes to an open file, and closes it in the end unless it is standard output. */
function descriptorSink(descriptor: number, events: DescriptorEvents): Sink {
  const destination = pino.destination({ dest: descriptor, sync: false, maxLength: maxWaitingBytes })
  let closed = false
  let lost = 0
  destination.on('error', error => {
    // Nobody reads a pipe any more: pino itself goes quiet then, and a gateway goes on without its reader.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') closed = true
    else events.failed(error)
  })
  destination.on('write', () => events.wrote?.())
  destination.on('drop', () => {
    lost += 1
  })
  destination.on('drain', () => {
    if (lost === 0 || closed) return
    const lines = lost
    lost = 0
    events.lost(lines)
  })
  return {
    write(line) {
      if (!closed) destination.write(line)
    },
    async close() {
      if (closed) return
      closed = true
      const { promise, resolve } = Promise.withResolvers<void>()
      destination.once('close', resolve)
      const late = setTimeout(() => destination.destroy(), closeGraceMs)
      destination.end()
      await promise
      clearTimeout(late)
    },
  }
}

/** Opens the file once, so that a start tells what is wrong with it; says how large it is. */
function sizeAtFirst(file: string): number {
  try {
    const folder = dirname(file)
    if (!existsSync(folder)) mkdirSync(folder, { mode: folderMode })
    closeSync(openFile(file))
    return statSync(file).size
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`log.file: ${file} cannot be written: ${reason}.`)
  }
}

function openFile(file: string): number {
  return openSync(file, 'a', fileMode)
}

function rotate({ file, keepFiles }: FileOptions): void {
  for (let number = keepFiles - 1; number >= 1; number--) {
    if (existsSync(`${file}.${number}`)) renameSync(`${file}.${number}`, `${file}.${number + 1}`)
  }
  if (keepFiles > 0) renameSync(file, `${file}.1`)
  else rmSync(file)
}
