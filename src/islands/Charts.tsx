import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useCallback, useEffect, useRef } from 'preact/hooks'
import { gateway } from './connection.ts'
import { charts, type HistoryPage } from './dashboard/charts.ts'
import { Figure } from './dashboard/Figure.tsx'
import { FiguresTable } from './dashboard/FiguresTable.tsx'
import { sampleEveryMs, watchFigures } from './dashboard/figures.ts'
import type { drawPlot, Plot } from './dashboard/plot.ts'
import { clockTime } from './dashboard/words.ts'
import { useHydrated } from './parts/hydrated.ts'

export interface ChartsProps {
  page: HistoryPage
}

const ranges: readonly { range: HistoryPage['range']; label: string }[] = [
  { range: '5m', label: '5 min' },
  { range: '1h', label: '1 h' },
  { range: '24h', label: '24 h' },
]

/** What the gateway did lately, in charts that go on by themselves. */
export default function Charts(props: ChartsProps): JSX.Element {
  const page = useSignal(props.page)
  const point = useSignal<number | null>(null)
  const problem = useSignal(false)
  const draw = useSignal<{ with: typeof drawPlot } | undefined>(undefined)
  const asked = useRef(props.page.range)
  const plots = useRef(new Set<Plot>()).current
  const section = useRef<HTMLElement>(null)
  const local = useHydrated()
  const onPoint = useCallback((index: number | null) => {
    point.value = index
  }, [])

  const read = useCallback(async (range: HistoryPage['range']) => {
    asked.current = range
    const answer = await gateway()
      .request('metrics.history', { range })
      .catch(() => undefined)
    // Another range may have been chosen meanwhile.
    if (asked.current !== range) return
    problem.value = answer === undefined
    if (answer) page.value = answer
  }, [])
  useEffect(
    () =>
      keepFresh(
        () => read(asked.current),
        () => page.peek().stepMs,
      ),
    [],
  )
  useEffect(() => {
    import('./dashboard/plot.ts').then(
      ({ drawPlot }) => {
        draw.value = { with: drawPlot }
      },
      // The lines of the server stay: of another build, perhaps, whose page this is.
      () => undefined,
    )
    return section.current ? keepFitting(section.current, plots) : undefined
  }, [])
  const choose = (range: HistoryPage['range']) => (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    history.replaceState(history.state, '', `?range=${range}`)
    point.value = null
    read(range)
  }

  const { from, stepMs, range } = page.value
  return (
    <section ref={section} aria-labelledby="activity">
      <div class="mb-3 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h2 id="activity">Activity</h2>
        <span class="flex-1 text-sm text-muted tabular-nums" aria-hidden="true">
          {point.value !== null && `at ${clockTime(from + point.value * stepMs, { seconds: range === '5m', local })}`}
        </span>
        <nav class="segments" aria-label="Range of the charts">
          {ranges.map(({ range: own, label }) => (
            <a
              key={own}
              class="segment"
              href={`/?range=${own}`}
              aria-current={own === range ? 'true' : undefined}
              onClick={choose(own)}
            >
              <span class="sr-only">The last </span>
              {label}
            </a>
          ))}
        </nav>
      </div>
      {problem.value && (
        <p class="alert alert-warn mb-3" role="status">
          The figures could not be read. They are from before, and are asked for again in a moment.
        </p>
      )}
      <div class="charts">
        {charts.map(chart => (
          <Figure
            key={chart.title}
            {...{ chart, page: page.value, draw: draw.value?.with, point: point.value, onPoint, plots }}
          />
        ))}
      </div>
      <FiguresTable page={page.value} local={local} />
    </section>
  )
}

/** Reads anew as often as there is a new point, at each connection, and when the page is looked at again. */
function keepFresh(read: () => void, stepMs: () => number): () => void {
  let samples = 0
  const onVisible = () => {
    if (!document.hidden) read()
  }
  const stops = [
    watchFigures(() => {
      samples += 1
      // A point of a day takes five minutes, and its newest one changes meanwhile.
      const every = Math.min(6, stepMs() / sampleEveryMs)
      if (!document.hidden && samples % every === 0) read()
    }),
    gateway().onState(({ status }) => {
      if (status === 'open') read()
    }),
  ]
  document.addEventListener('visibilitychange', onVisible)
  return () => {
    document.removeEventListener('visibilitychange', onVisible)
    for (const stop of stops) stop()
  }
}

/** Keeps charts as wide as their place, and in the colours of the page. */
function keepFitting(section: HTMLElement, plots: ReadonlySet<Plot>): () => void {
  const resized = new ResizeObserver(() => {
    for (const plot of plots) plot.fit()
  })
  resized.observe(section)
  const redraw = () => {
    for (const plot of plots) plot.redraw()
  }
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', redraw)
  const themed = new MutationObserver(redraw)
  themed.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => {
    resized.disconnect()
    scheme.removeEventListener('change', redraw)
    themed.disconnect()
  }
}
