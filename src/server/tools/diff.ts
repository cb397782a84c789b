const contextLines = 3
/** Cells of the table of common lines; larger changes are shown as one block. */
const maxCells = 1_000_000

interface Edit {
  sign: ' ' | '-' | '+'
  line: string
}

/** What changes from one text to another, as a unified diff without its file header; empty if nothing does. */
export function diff(before: string, after: string): string {
  if (before === after) return ''
  const edits = editsOf(linesOf(before), linesOf(after))
  const lines = hunksOf(edits)
  if (before.endsWith('\n') !== after.endsWith('\n')) lines.push('\\ The newline at the end differs')
  return lines.join('\n')
}

function linesOf(text: string): string[] {
  if (text === '') return []
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
}

function editsOf(before: string[], after: string[]): Edit[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1
  let tail = 0
  const maxTail = Math.min(before.length, after.length) - head
  while (tail < maxTail && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1
  const removed = before.slice(head, before.length - tail)
  const added = after.slice(head, after.length - tail)
  const same = (lines: string[]): Edit[] => lines.map(line => ({ sign: ' ', line }))
  return [...same(before.slice(0, head)), ...middle(removed, added), ...same(before.slice(before.length - tail))]
}

function middle(removed: string[], added: string[]): Edit[] {
  if (removed.length * added.length > maxCells) {
    return [...removed.map((line): Edit => ({ sign: '-', line })), ...added.map((line): Edit => ({ sign: '+', line }))]
  }
  const width = added.length + 1
  const common = commonLengths(removed, added)
  const edits: Edit[] = []
  let i = 0
  let j = 0
  while (i < removed.length || j < added.length) {
    const left = removed[i]
    const right = added[j]
    if (left !== undefined && left === right) {
      edits.push({ sign: ' ', line: left })
      i += 1
      j += 1
    } else if (left !== undefined && (right === undefined || lengthAt(i + 1, j) >= lengthAt(i, j + 1))) {
      edits.push({ sign: '-', line: left })
      i += 1
    } else {
      edits.push({ sign: '+', line: right ?? '' })
      j += 1
    }
  }
  return edits

  function lengthAt(row: number, column: number): number {
    return common[row * width + column] ?? 0
  }
}

/** For each pair of positions, how many lines the rests have in common (longest common subsequence). */
function commonLengths(removed: string[], added: string[]): Uint32Array {
  const width = added.length + 1
  const lengths = new Uint32Array((removed.length + 1) * width)
  for (let i = removed.length - 1; i >= 0; i--) {
    for (let j = added.length - 1; j >= 0; j--) {
      const below = lengths[(i + 1) * width + j] ?? 0
      const beside = lengths[i * width + j + 1] ?? 0
      const across = lengths[(i + 1) * width + j + 1] ?? 0
      lengths[i * width + j] = removed[i] === added[j] ? across + 1 : Math.max(below, beside)
    }
  }
  return lengths
}

function hunksOf(edits: Edit[]): string[] {
  const changed = edits.flatMap((edit, at) => (edit.sign === ' ' ? [] : [at]))
  const lines: string[] = []
  let oldLine = 1
  let newLine = 1
  let at = 0
  const skipTo = (end: number) => {
    for (; at < end; at++) {
      if (edits[at]?.sign !== '+') oldLine += 1
      if (edits[at]?.sign !== '-') newLine += 1
    }
  }
  for (let first = 0; first < changed.length; ) {
    let last = first
    while (last + 1 < changed.length && (changed[last + 1] ?? 0) - (changed[last] ?? 0) <= contextLines * 2) last += 1
    const start = Math.max(0, (changed[first] ?? 0) - contextLines)
    const end = Math.min(edits.length, (changed[last] ?? 0) + contextLines + 1)
    skipTo(start)
    const hunk = edits.slice(start, end)
    const oldCount = hunk.filter(edit => edit.sign !== '+').length
    const newCount = hunk.filter(edit => edit.sign !== '-').length
    lines.push(`@@ -${range(oldLine, oldCount)} +${range(newLine, newCount)} @@`)
    for (const edit of hunk) lines.push(`${edit.sign}${edit.line}`)
    skipTo(end)
    first = last + 1
  }
  return lines
}

// An empty side is named by the line before it, as the unified format wants.
function range(line: number, count: number): string {
  return count === 0 ? `${line - 1},0` : `${line},${count}`
}
