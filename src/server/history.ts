import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './config-file.ts'
import type { Log } from './log.ts'
import { createRings, type HistoryPage, type HistoryRange, type SavedRings, sampleEveryMs } from './metrics/rings.ts'
import type { Sampler } from './metrics/sampler.ts'
import type { Clock } from './record.ts'

export type { HistoryPage, HistoryRange }

/** Figures of the last day, for charts. */
export interface History {
  /** The points of a range up to now. */
  read(range: HistoryRange): HistoryPage
}

export interface GatewayHistory extends History {
  /** Takes up what the process before kept, and samples from now on. */
  start(): void
  /** Ends that, and keeps what there is for the next process. */
  stop(): void
}

export interface HistoryDeps {
  home: string
  clock: Clock
  log: Pick<Log, 'warn'>
  sampler: () => Sampler
}

// The rings take a tenth of it as text; what is larger is none of ours.
const maxFileBytes = 1024 * 1024
const fileVersion = 1

/** Keeps figures in rings of a fixed size, in memory, and over an orderly restart in a file. */
export function createHistory({ home, clock, log, sampler: openSampler }: HistoryDeps): GatewayHistory {
  const file = join(home, 'run', 'history.json')
  const rings = createRings()
  let sampler: Sampler | undefined
  let timer: NodeJS.Timeout | undefined
  const sampleNext = () => {
    // At the edges of the slots, or now and then one would get two samples and its neighbour none.
    timer = setTimeout(take, sampleEveryMs - (clock.now() % sampleEveryMs)).unref()
  }
  const take = () => {
    if (!sampler) return
    const { sample, requests } = sampler.readWhole()
    rings.add(sample, requests)
    sampleNext()
  }
  return {
    read: range => rings.read(range, clock.now()),
    start() {
      if (sampler) return
      rings.load(readSaved(file))
      sampler = openSampler()
      sampleNext()
    },
    stop() {
      if (!sampler) return
      clearTimeout(timer)
      sampler.stop()
      sampler = undefined
      try {
        replaceFile(file, JSON.stringify({ version: fileVersion, rings: rings.save() }))
      } catch (error) {
        log.warn({ err: error }, 'the history of the figures was not kept')
      }
    },
  }
}

/** What was kept; charts are worth no start that fails, so that whatever is wrong with it means nothing was. */
function readSaved(file: string): SavedRings {
  try {
    if (statSync(file).size > maxFileBytes) return {}
    const saved: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof saved !== 'object' || saved === null || !('version' in saved) || saved.version !== fileVersion) return {}
    return 'rings' in saved ? ringsOf(saved.rings) : {}
  } catch {
    return {}
  }
}

function ringsOf(rings: unknown): SavedRings {
  if (typeof rings !== 'object' || rings === null) return {}
  const rows = Object.entries(rings).map(([range, kept]) => [range, Array.isArray(kept) ? kept.filter(isRow) : []])
  // Keys that name no range are never looked at.
  return Object.fromEntries(rows) as SavedRings
}

function isRow(row: unknown): row is (number | null)[] {
  return Array.isArray(row) && row.every(value => value === null || Number.isFinite(value))
}
