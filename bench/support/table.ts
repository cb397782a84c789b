import type { Reading } from './measure.ts'

/** One line of the table that `npm run bench` prints. */
export interface Row {
  what: string
  figure: string
  ratio?: string
}

/** A reading as a line, with its ratio to another of the same run. */
export function row(what: string, reading: Reading, compared?: { against: Reading; of: string }): Row {
  const refused = reading.refused > 0 ? `, ${reading.refused} refused` : ''
  const figure = `${Math.round(reading.perSecond).toLocaleString('en')}/s, p50 ${ms(reading.p50)}, p99 ${ms(reading.p99)}${refused}`
  if (!compared) return { what, figure }
  const { against, of } = compared
  const rate = (reading.perSecond / against.perSecond).toFixed(2)
  return { what, figure, ratio: `${rate} × ${of} (p50 ${(reading.p50 / against.p50).toFixed(2)} ×)` }
}

export function print(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}\n`)
  console.log('| what | figure | ratio |\n|---|---|---|')
  for (const { what, figure, ratio = '' } of rows) console.log(`| ${what} | ${figure} | ${ratio} |`)
}

function ms(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} µs` : `${value.toFixed(1)} ms`
}
