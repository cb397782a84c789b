import { type MetricRow, origins } from '../../src/server/metrics/row.ts'
import { metricSections } from '../../src/server/metrics/table.ts'
import { fill, table } from './markdown.ts'

/** docs/metrics.md: the hand-written template with a table of the metrics of each section. */
export function metricsPage(template: string): string {
  const sections = Object.entries(metricSections).map(([name, metrics]) => section(name, metrics))
  return fill(template, { metrics: sections.join('\n\n') })
}

function section(name: string, metrics: Record<string, MetricRow>): string {
  const rows = Object.entries(metrics).map(([metric, { type, labels, help, from }]) => [
    `\`${metric}\``,
    type,
    labels.map(label => `\`${label}\``).join(', '),
    help,
    origins[from],
  ])
  return `## ${name}\n\n${table(['Name', 'Type', 'Labels', 'What it tells', 'From'], rows)}`
}
