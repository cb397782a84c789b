import type { Config } from '../config.ts'
import { type GatewayLog, openLog } from '../log.ts'
import { logPlace } from './place.ts'
import { knownSecrets } from './secrets.ts'
import { fileSink, type Sink, type SinkEvents, standardOutput } from './sinks.ts'
import { textLine } from './text.ts'

export interface OpenOptions {
  /** The data folder, which `log.file` is relative to. */
  home: string
  env: Readonly<Record<string, string | undefined>>
  config: Config
  /** Whether standard output is a terminal. */
  terminal: boolean
  /** Takes each line as JSON instead of standard output or the file. */
  write?: ((line: string) => void) | undefined
}

/**
 * Opens the log of a gateway, by its settings.
 * @throws ConfigError if `log.file` cannot be opened
 */
export function openGatewayLog(options: OpenOptions): GatewayLog {
  const { config, env, write } = options
  let lost = 0
  // Its lines tell how its own writing goes: once per trouble, never per line.
  const events: OpenEvents = {
    failed: error => log.warn({ err: error }, 'log.file cannot be written: lines go to standard output meanwhile'),
    outputFailed: error =>
      log.warn({ err: error }, 'standard output cannot be written: the newest lines are in memory only'),
    lost(lines) {
      lost += lines
      log.warn({ lines }, 'lines of the log were not taken in time and are lost')
    },
  }
  const sink = write ? { write, close: async () => undefined } : openSink(options, events)
  const log = openLog({ level: config['log.level'], write: sink.write, close: sink.close, lost: () => lost })
  log.hide(knownSecrets(env, config))
  return log
}

interface OpenEvents extends SinkEvents {
  outputFailed: SinkEvents['failed']
}

function openSink({ config, env, home, terminal }: OpenOptions, events: OpenEvents): Sink {
  const format = config['log.format']
  const file = config['log.file']
  const output = standardOutput({ ...events, failed: events.outputFailed })
  const asText = format === 'text' || (format === 'auto' && terminal)
  const shown = asText ? inText(output, terminal && !env['NO_COLOR']) : output
  if (file === null) return shown
  const maxBytes = config['log.maxMegabytes'] * 1024 * 1024
  const rotation = { file: logPlace(home, file), maxBytes, keepFiles: config['log.keepFiles'] }
  return fileSink({ ...rotation, meanwhile: shown }, events)
}

/** Writes for people what comes as JSON. */
function inText(sink: Sink, colours: boolean): Sink {
  // Made by pino, as an object.
  const text = (line: string) => textLine(JSON.parse(line) as Record<string, unknown>, { colours })
  return { write: line => sink.write(`${text(line)}\n`), close: sink.close }
}
