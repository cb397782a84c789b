import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type Chart, type HistoryPage, highest, newest, pathOf } from './charts.ts'
import type { Plot } from './plot.ts'

type Draw = typeof import('./plot.ts').drawPlot

export interface FigureProps {
  chart: Chart
  page: HistoryPage
  /** What draws; undefined until it is loaded. Until then the lines of the server stand there. */
  draw: Draw | undefined
  /** The point that somebody points at, in whichever chart. */
  point: number | null
  onPoint: (index: number | null) => void
  /** Where it is heard that there are other colours, or another width. */
  plots: Set<Plot>
}

const sparkHeight = 100

/** One chart, with what it says in words above it. */
export function Figure({ chart, page, draw, point, onPoint, plots }: FigureProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | undefined>(undefined)
  const drawn = useRef(page)
  drawn.current = page
  useEffect(() => {
    if (!draw || !place.current) return
    const made = draw(place.current, chart, drawn.current, onPoint)
    plot.current = made
    plots.add(made)
    return () => {
      plots.delete(made)
      made.end()
      plot.current = undefined
    }
  }, [draw, chart, onPoint, plots])
  useEffect(() => plot.current?.show(page), [page])
  return (
    <figure class="chart">
      <figcaption>
        <h3>{chart.title}</h3>
        <p class="chart-words">
          {chart.series.map(({ name, label }, index) => (
            <span key={name}>
              {chart.series.length > 1 && (
                <>
                  <i class={index > 0 ? 'chart-key chart-key-2' : 'chart-key'} aria-hidden="true" />
                  {label}{' '}
                </>
              )}
              <b>{said(chart, point === null ? newest(page.series[name]) : (page.series[name][point] ?? null))}</b>
            </span>
          ))}
          <span class="max-sm:hidden">highest {said(chart, top(chart, page))}</span>
        </p>
      </figcaption>
      {/* Two elements, because what draws owns all that is in its own. */}
      {draw ? (
        <div class="chart-plot" ref={place} aria-hidden="true" key="plot" />
      ) : (
        <Spark chart={chart} page={page} />
      )}
    </figure>
  )
}

/** The lines alone, as the server draws them. */
function Spark({ chart, page }: { chart: Chart; page: HistoryPage }): JSX.Element {
  const scale = (top(chart, page) ?? 0) * 1.1 || 1
  const width = page.series.messagesPerSecond.length - 1
  return (
    <div class="chart-plot chart-spark" key="spark">
      <svg viewBox={`0 0 ${width} ${sparkHeight}`} preserveAspectRatio="none" aria-hidden="true">
        {chart.series.map(({ name }, index) => (
          <path
            key={name}
            class={index > 0 ? 'chart-line chart-line-2' : 'chart-line'}
            d={pathOf(page.series[name], scale, sparkHeight)}
            vector-effect="non-scaling-stroke"
          />
        ))}
      </svg>
    </div>
  )
}

function top(chart: Chart, page: HistoryPage): number | null {
  return highest(chart.series.flatMap(({ name }) => page.series[name]))
}

function said(chart: Chart, value: number | null): string {
  return value === null ? '–' : chart.words(value)
}
