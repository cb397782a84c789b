import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
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
  /** How often it is seen to that the file is still there: somebody may have moved or removed it. */
  lookEveryMs?: number
}

// What waits for a reader or a disk. Beyond it lines are lost, because the gateway must not wait for its log.
const maxWaitingBytes = 4 * 1024 * 1024
// Who does not take the last lines in this time does not get them.
const closeGraceMs = 1_000
const lookEveryMs = 10_000
const fileMode = 0o600
const folderMode = 0o700

/** Writes to standard output, without waiting for whoever reads it. */
export function standardOutput(events: SinkEvents, descriptor = 1): Sink {
  return descriptorSink(descriptor, oncePerTrouble(events).events)
}

/**
 * Writes to a file; a full one is renamed to `<file>.1`, an older one to `.2`, and so on.
 * @throws ConfigError if the file cannot be opened
 */
export function fileSink(options: FileOptions, events: SinkEvents): Sink {
  const { file, maxBytes, meanwhile } = options
  const { events: own, failing } = oncePerTrouble(events)
  // Full files that have not taken all of their lines yet.
  const ending = new Set<Promise<void>>()
  makeFile(file)
  let current = openSinkOf(file, own)
  let { bytes } = current
  const goOn = () => {
    const last = current.sink
    current = openSinkOf(file, own)
    bytes = current.bytes
    const closing = last.close().finally(() => ending.delete(closing))
    ending.add(closing)
  }
  const next = () => {
    bytes = 0
    try {
      rotate(options)
      goOn()
    } catch (error) {
      // The file grows on, which is better than lines lost.
      events.failed(error)
    }
  }
  const look = () => {
    try {
      if (statSync(file, { throwIfNoEntry: false })?.ino === current.inode) return
      goOn()
    } catch {
      // Where it cannot be made anew, the next look tries again; what was opened still takes lines.
    }
  }
  const looking = setInterval(look, options.lookEveryMs ?? lookEveryMs).unref()
  return {
    write(line) {
      if (failing()) meanwhile.write(line)
      current.sink.write(line)
      bytes += Buffer.byteLength(line)
      // What a full disk has not taken would be lost with the file that it is for.
      if (bytes >= maxBytes && !failing()) next()
    },
    async close() {
      clearInterval(looking)
      await Promise.all([current.sink.close(), ...ending])
      await meanwhile.close()
    },
  }
}

/** Opens the file to append to; the inode tells it from another one of its name. */
function openSinkOf(file: string, events: DescriptorEvents): { sink: Sink; inode: number; bytes: number } {
  const descriptor = openFile(file)
  const { ino, size } = fstatSync(descriptor)
  return { sink: descriptorSink(descriptor, events), inode: ino, bytes: size }
}

interface DescriptorEvents extends SinkEvents {
  wrote?: () => void
}

/** Tells of the first failure only: to tell of it is a line, which fails as well, and would be told of again without end. */
function oncePerTrouble({ failed, lost }: SinkEvents): { events: DescriptorEvents; failing: () => boolean } {
  let failing = false
  const events: DescriptorEvents = {
    lost,
    failed(error) {
      if (failing) return
      // Before it is told of.
      failing = true
      failed(error)
    },
    wrote() {
      failing = false
    },
  }
  return { events, failing: () => failing }
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

/**
 * Makes a file to log to and its folder, where they are not there yet.
 * @throws ConfigError if it cannot be written to
 */
export function makeFile(file: string): void {
  try {
    const folder = dirname(file)
    if (!existsSync(folder)) mkdirSync(folder, { mode: folderMode })
    closeSync(openFile(file))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`log.file: ${file} cannot be written: ${reason}.`)
  }
}

function openFile(file: string): number {
  return openSync(file, 'a', fileMode)
}

function rotate({ file, keepFiles }: FileOptions): void {
  // Of a time when more were kept.
  for (let number = keepFiles + 1; existsSync(`${file}.${number}`); number++) rmSync(`${file}.${number}`)
  for (let number = keepFiles - 1; number >= 1; number--) {
    if (existsSync(`${file}.${number}`)) renameSync(`${file}.${number}`, `${file}.${number + 1}`)
  }
  // Somebody may have moved or removed it, and it is to be made anew all the same.
  if (keepFiles > 0 && existsSync(file)) renameSync(file, `${file}.1`)
  else rmSync(file, { force: true })
}
