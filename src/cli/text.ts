/** Text of someone else without what could command the terminal: control characters but line feed and tab. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
}

/** The same on one line, cut to a length. */
export function oneLine(text: string, maxLength: number): string {
  const line = printable(text.replace(/\s+/g, ' ')).trim()
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1)}…`
}

/** Rows under their heads, each column as wide as its widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map(row => row.map(cell => oneLine(cell, maxCellLength)))
  const widths = head.map((_, column) => Math.max(...lines.map(row => row[column]?.length ?? 0)))
  return lines
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map(line => `${line}\n`)
    .join('')
}

const maxCellLength = 80

/** A size for people, such as 4.2 MB (of 1,000,000 bytes). */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

/** Local time of Unix ms, such as 2026-11-23 14:05. */
export function timeOf(unixMs: number): string {
  const at = new Date(unixMs)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** A duration by its two largest units, such as 3 d 4 h. */
export function durationOf(seconds: number): string {
  const whole = Math.floor(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
