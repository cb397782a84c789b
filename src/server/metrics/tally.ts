import { createRecorder, type Histogram, type Recorder } from '../../db/histogram.ts'
import type { MetricRow } from './row.ts'
import { type CountedName, metricTable } from './table.ts'

/** One series: its labels and what was counted under them. */
export interface Series<Value> {
  labels: readonly string[]
  value: Value
}

/** What was counted since the start. */
export interface Tally {
  add(name: CountedName, value: number, a?: string, b?: string, c?: string): void
  observe(name: CountedName, durationMs: number, a?: string, b?: string, c?: string): void
  counters(name: CountedName): readonly Series<number>[]
  histograms(name: CountedName): readonly Series<Histogram>[]
}

interface Leaf {
  labels: readonly string[]
  value: number
  recorder: Recorder | undefined
}

interface Branch {
  row: MetricRow
  // Three labels are the most that any metric has; maps in maps need no key to be put together for each count.
  tree: Map<string, Map<string, Map<string, Leaf>>>
  leaves: Leaf[]
}

/** Counters and histograms in memory, as plain as they can be: some are counted for every frame. */
export function createTally(): Tally {
  const branches = new Map<string, Branch>()
  const branchOf = (name: CountedName): Branch => {
    const known = branches.get(name)
    if (known) return known
    const made = newBranch(metricTable[name])
    branches.set(name, made)
    return made
  }
  const leafOf = (name: CountedName, a: string, b: string, c: string): Leaf => {
    const branch = branchOf(name)
    return branch.tree.get(a)?.get(b)?.get(c) ?? newLeaf(branch, a, b, c)
  }
  return {
    add(name, value, a = '', b = '', c = '') {
      leafOf(name, a, b, c).value += value
    },
    observe(name, durationMs, a = '', b = '', c = '') {
      leafOf(name, a, b, c).recorder?.add(durationMs)
    },
    counters: name => branchOf(name).leaves,
    histograms: name =>
      branchOf(name).leaves.flatMap(({ labels, recorder }) => (recorder ? [{ labels, value: recorder.read() }] : [])),
  }
}

/** A metric without labels is there from the start, so that its first step is seen as one. */
function newBranch(row: MetricRow): Branch {
  const branch: Branch = { row, tree: new Map(), leaves: [] }
  if (row.labels.length === 0) newLeaf(branch, '', '', '')
  return branch
}

function newLeaf(branch: Branch, a: string, b: string, c: string): Leaf {
  const { row, tree, leaves } = branch
  if (leaves.length >= row.maxSeries && a !== 'other') {
    return tree.get('other')?.get('other')?.get('other') ?? newLeaf(branch, 'other', 'other', 'other')
  }
  const labels = [a, b, c].slice(0, row.labels.length)
  const recorder = row.type === 'histogram' ? createRecorder(row.boundsMs) : undefined
  const leaf: Leaf = { labels, value: 0, recorder }
  const second = tree.get(a) ?? new Map<string, Map<string, Leaf>>()
  tree.set(a, second)
  const third = second.get(b) ?? new Map<string, Leaf>()
  second.set(b, third)
  third.set(c, leaf)
  leaves.push(leaf)
  return leaf
}
