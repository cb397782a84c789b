import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Chart, HistoryPage } from './charts.ts'
import { clockTime } from './words.ts'

export interface Plot {
  show(page: HistoryPage): void
  /** Draws anew, in the colours of now. */
  redraw(): void
  /** Takes the width of its place. */
  fit(): void
  end(): void
}

const height = 140
const axisWidth = 56
// All charts share their pointer: what happened at one moment is seen in each.
const pointers = 'talon'

/** Draws a chart into an element. `onPoint` hears which point is under the pointer, and null when it has left. */
export function drawPlot(
  element: HTMLElement,
  chart: Chart,
  page: HistoryPage,
  onPoint: (index: number | null) => void,
): Plot {
  let isLong = page.stepMs > 60_000
  const plot = new uPlot(
    {
      ...{ width: Math.max(1, element.clientWidth), height, padding: [8, 4, 0, 0] },
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: pointers }, points: { size: 6 } },
      scales: { y: { range: (_, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
      axes: [
        { ...axis(), size: 24, space: 70, values: (_, times) => times.map(at => label(at, isLong)) },
        {
          ...axis(),
          size: axisWidth,
          space: 34,
          values: (_, values) => values.map(chart.words),
          ...(chart.steps && { incrs: chart.steps }),
        },
      ],
      series: [
        {},
        ...chart.series.map((_, index) => ({
          ...{ width: 1.5, stroke: () => token(lines[index] ?? 'muted'), spanGaps: false },
          points: { size: 4, filter: alone },
          ...(index > 0 && { dash: [5, 3] }),
          ...(chart.series.length === 1 && { fill: () => token('accent-soft') }),
        })),
      ],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    },
    dataOf(page, chart),
    element,
  )
  return {
    show(next) {
      isLong = next.stepMs > 60_000
      plot.setData(dataOf(next, chart))
    },
    redraw: () => plot.redraw(false),
    fit() {
      const width = element.clientWidth
      if (width > 0 && width !== plot.width) plot.setSize({ width, height })
    },
    end: () => plot.destroy(),
  }
}

const lines = ['accent', 'muted']

/** Points that no line leads to. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? []
  const isThere = (index: number) => (values[index] ?? null) !== null
  return [...values.keys()].filter(index => isThere(index) && !isThere(index - 1) && !isThere(index + 1))
}

function axis(): uPlot.Axis {
  const grid = { stroke: () => token('line'), width: 1 }
  return { stroke: () => token('muted'), font: '11px system-ui, sans-serif', grid, ticks: { show: false } }
}

function dataOf(page: HistoryPage, chart: Chart): uPlot.AlignedData {
  const columns = chart.series.map(({ name }) => page.series[name])
  const times = columns[0]?.map((_, index) => (page.from + index * page.stepMs) / 1_000) ?? []
  return [times, ...columns]
}

function label(atSeconds: number, isLong: boolean): string {
  return clockTime(atSeconds * 1_000, { seconds: !isLong && atSeconds % 60 !== 0, local: true })
}

/** A colour of the design, as it is now. */
function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
