import type { ReplyPayload } from '../../protocol/messages.ts'

type Report = ReplyPayload<'usage.get'>
type Row = Report['rows'][number]
type Column = keyof Row

const keysOf: Record<Report['by'], readonly Column[]> = {
  day: ['day'],
  session: ['sessionId', 'title'],
  model: ['provider', 'model'],
  token: ['tokenId', 'tokenName'],
}

const figures = [
  ...(['runs', 'failed', 'calls', 'estimatedCalls', 'unpricedCalls'] as const),
  ...(['inputTokens', 'outputTokens', 'totalTokens', 'costUsd', 'toolCalls', 'wallMs'] as const),
]

/** The rows of a report as CSV (RFC 4180), with a line of names; what is not known is empty. */
export function usageCsv({ by, rows }: Report): string {
  const columns: readonly Column[] = [...keysOf[by], ...figures]
  const lines = [columns.join(','), ...rows.map(row => columns.map(column => cell(row[column])).join(','))]
  return `${lines.join('\r\n')}\r\n`
}

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  // A title is somebody's own text, and a spreadsheet would work out what begins like a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
