import type { JSX } from 'preact'
import { dollars } from '../../islands/dashboard/words.ts'
import type { ReplyPayload } from '../../protocol/messages.ts'
import { Table } from './table.tsx'

const sums = ['Calls', 'Tokens in', 'Tokens out', 'Tool runs', 'Cost'].map(
  label => ({ label, kind: 'number' }) as const,
)

type Report = ReplyPayload<'usage.get'>
type Row = Report['rows'][number]

export const groupings = ['day', 'session', 'model', 'token'] as const

const words: Record<Report['by'], string> = { day: 'Day', session: 'Session', model: 'Model', token: 'Token' }
const chart = { width: 600, height: 80, gap: 2 }

/** What was spent, by what the reader chose; for days with a bar each. */
export function UsageTable({ report }: { report: Report }): JSX.Element {
  const { by, from, to, rows, total } = report
  const csv = `/api/v1/usage?${new URLSearchParams({ by, from, to, format: 'csv' })}`
  return (
    <section class="mt-10" aria-labelledby="usage">
      <div class="mb-3 flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 id="usage">Usage</h2>
        <a href={csv}>Load as CSV</a>
      </div>
      <Choice report={report} />
      {rows.length === 0 ? (
        <div class="card empty">
          <p class="font-medium text-ink">Nothing was spent</p>
          <p>
            From {from} to {to} no model was asked.
          </p>
        </div>
      ) : (
        <>
          {by === 'day' && rows.length > 1 && <Bars rows={rows} />}
          <Table label={`Usage by ${by}`} columns={[{ label: words[by] }, ...sums]}>
            <tbody>
              {rows.map((row, at) => (
                <tr key={`${by}-${at}`}>
                  <th scope="row" class="break-words">
                    <Name row={row} by={by} />
                  </th>
                  <Sums row={row} />
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">All</th>
                <Sums row={total} />
              </tr>
            </tfoot>
          </Table>
          {report.more && <p class="mt-2 text-sm text-muted">The first {rows.length} rows; the CSV has all.</p>}
          {total.unpricedCalls > 0 && (
            <p class="mt-2 text-sm text-muted">
              {total.unpricedCalls.toLocaleString('en')} calls are of models whose price is not known, and cost nothing
              here.
            </p>
          )}
        </>
      )}
    </section>
  )
}

function Choice({ report: { by, from, to } }: { report: Report }): JSX.Element {
  return (
    <search>
      <form class="filter" method="get" action="/settings/budgets#usage">
        <div class="flex-[1_1_8rem]">
          <label class="label" for="by">
            By
          </label>
          <select id="by" class="input" name="by">
            {groupings.map(name => (
              <option key={name} value={name} selected={name === by}>
                {words[name]}
              </option>
            ))}
          </select>
        </div>
        <div class="flex-[1_1_9rem]">
          <label class="label" for="from">
            From
          </label>
          <input id="from" class="input" type="date" name="from" value={from} />
        </div>
        <div class="flex-[1_1_9rem]">
          <label class="label" for="to">
            To
          </label>
          <input id="to" class="input" type="date" name="to" value={to} />
        </div>
        <button type="submit" class="button">
          Show
        </button>
      </form>
    </search>
  )
}

function Name({ row, by }: { row: Row; by: Report['by'] }): JSX.Element {
  if (by === 'day') return <>{row.day}</>
  if (by === 'model') return <>{[row.provider, row.model].filter(Boolean).join('/') || 'no model'}</>
  if (by === 'token') return <>{row.tokenName ?? row.tokenId ?? 'nobody'}</>
  if (!row.sessionId) return <>no session</>
  return <a href={`/sessions/${encodeURIComponent(row.sessionId)}`}>{row.title ?? row.sessionId}</a>
}

function Sums({ row }: { row: Report['total'] }): JSX.Element {
  const { calls, inputTokens, outputTokens, toolCalls, costUsd } = row
  return (
    <>
      {[calls, inputTokens, outputTokens, toolCalls].map((value, at) => (
        <td key={at} class="num">
          {value.toLocaleString('en')}
        </td>
      ))}
      <td class="num">{costUsd === null ? 'unknown' : dollars(costUsd)}</td>
    </>
  )
}

/** Tokens of each day; the table below says the same in numbers. */
function Bars({ rows }: { rows: readonly Row[] }): JSX.Element {
  const { width, height, gap } = chart
  const days = [...rows].sort((a, b) => ((a.day ?? '') < (b.day ?? '') ? -1 : 1))
  const most = Math.max(1, ...days.map(tokensOf))
  const step = width / days.length
  return (
    <svg
      class="mb-4 h-20 w-full text-accent"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {days.map((row, at) => {
        const tall = Math.max(1, (tokensOf(row) / most) * height)
        const place = { x: at * step, y: height - tall, width: Math.max(1, step - gap), height: tall }
        return <rect key={row.day} {...place} fill="currentColor" />
      })}
    </svg>
  )
}

function tokensOf({ inputTokens, outputTokens }: Row): number {
  return inputTokens + outputTokens
}
