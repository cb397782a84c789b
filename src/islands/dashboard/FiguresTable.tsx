import type { JSX } from 'preact'
import { charts, type HistoryPage, spansOf } from './charts.ts'
import { clockTime } from './words.ts'

const spans = 12

/** All charts as one table, for whoever reads figures better than lines, or cannot see them. */
export function FiguresTable({ page, local }: { page: HistoryPage; local: boolean }): JSX.Element {
  const columns = charts.flatMap(({ title, words, series }) =>
    series.map(({ name, label }) => ({ name, words, title: series.length > 1 ? `${title}: ${label}` : title })),
  )
  return (
    <details class="mt-4">
      <summary class="chart-summary">Show as table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="table-box mt-3" tabIndex={0} aria-label="Figures over time">
        <table class="table">
          <caption class="sr-only">The highest value of each span of time, the newest last.</caption>
          <thead>
            <tr>
              <th scope="col">From {local ? '' : '(UTC)'}</th>
              {columns.map(({ name, title }) => (
                <th scope="col" class="num" key={name}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {spansOf(page, spans).map(({ at, values }) => (
              <tr key={at}>
                <th scope="row">{clockTime(at, { seconds: page.range === '5m', local })}</th>
                {columns.map(({ name, words }) => {
                  const value = values[name]
                  return (
                    <td class="num" key={name}>
                      {value === null ? '–' : words(value)}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  )
}
