import type { JSX } from 'preact'
import Logs, { type LogsProps } from '../../islands/Logs.tsx'
import type { Entry } from '../../islands/logs/tail.ts'
import { levels, logFilterSchema } from '../../protocol/requests/logs.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { definePage } from './page.ts'

interface LogsData {
  /** Undefined for whoever may not read the log. */
  logs: LogsProps | undefined
  /** The filter as it was entered. */
  entered: { level: string; text: string; field: string }
  /** Why the filter was not used. */
  problem: string | undefined
  /** The lowest level that is logged. */
  logged: string
  /** Lines that standard output or the file did not take. */
  lost: number
  isLong: boolean
}

const shortPage = 100
const longPage = 500
const exportedLines = 2_000
const filterId = 'log-text'

export default definePage<LogsData>({
  path: '/logs',
  scope: 'read',
  navigation: { label: 'Logs', order: 4 },
  title: () => 'Logs',
  async load(app, { query, identity }) {
    const entered = { level: query('level') ?? '', text: query('text') ?? '', field: query('field') ?? '' }
    const isLong = query('lines') === String(longPage)
    const filter = logFilterSchema.safeParse({
      level: entered.level || undefined,
      text: entered.text || undefined,
      field: entered.field || undefined,
    })
    const mayRead = identity.scopes.has('admin')
    const { level, text, field } = filter.data ?? {}
    const issue = filter.error?.issues[0]
    return {
      logs: mayRead ? linesOf(app, { level, text, field }, isLong ? longPage : shortPage) : undefined,
      entered,
      problem: issue && `${rules[String(issue.path[0])] ?? 'This is no filter'}. All lines are shown.`,
      logged: app.config['log.level'],
      lost: app.logs.stats().lost,
      isLong,
    }
  },
  view: data => <LogsPage {...data} />,
})

function linesOf(app: App, filter: LogsProps['filter'], limit: number): LogsProps {
  const { entries, after } = app.logs.read({ ...filter, limit })
  const given = Object.entries({ ...filter, limit: String(exportedLines) }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  return {
    // Each is a line as `logs.entry` has it.
    entries: entries.map(entry => JSON.parse(entry) as Entry),
    place: { after, bootId: app.lifecycle.bootId },
    filter,
    exportHref: `/api/v1/logs?${new URLSearchParams(given)}`,
    filterId,
  }
}

const rules: Readonly<Record<string, string>> = {
  level: `A level is one of ${levels.join(', ')}`,
  text: 'A text to look for has at most 200 characters',
  field: 'A field is its name and its value, such as requestId=019c6f3a',
}

function LogsPage({ logs, entered, problem, logged, lost, isLong }: LogsData): JSX.Element {
  if (!logs) return <Forbidden />
  const isFiltered = Object.values(entered).some(text => text !== '')
  return (
    <>
      <div class="page-head">
        <h1>Logs</h1>
        <p class="text-sm text-muted">
          {logged === 'silent' ? 'Nothing is logged now.' : `The newest 2,000 lines, of level ${logged} and above.`}{' '}
          <a href="/settings#log.level">Change</a>
        </p>
      </div>
      {problem && (
        <p class="alert alert-danger mb-4" role="alert">
          {problem}
        </p>
      )}
      {lost > 0 && (
        <p class="alert alert-warn mb-4">
          {lost.toLocaleString('en')} lines were lost on their way to standard output or to the file. They are below, as
          far as they are kept.
        </p>
      )}
      <form method="get" class="filter">
        <Level entered={entered.level} />
        <div class="min-w-0 flex-1 basis-40">
          <label class="label" for={filterId}>
            Text
          </label>
          <input id={filterId} class="input" type="search" name="text" value={entered.text} maxLength={200} />
        </div>
        <div class="min-w-0 flex-1 basis-40">
          <label class="label" for="log-field">
            Field
          </label>
          <input
            id="log-field"
            class="input"
            name="field"
            value={entered.field}
            maxLength={300}
            placeholder="requestId=…"
            autocomplete="off"
            spellcheck={false}
          />
        </div>
        <button type="submit" class="button">
          Filter
        </button>
        {isFiltered && (
          <a class="button button-quiet" href="/logs">
            Clear
          </a>
        )}
      </form>
      <Island name="Logs" of={Logs} props={logs} />
      {!isLong && logs.entries.length === shortPage && (
        <p class="mt-3 text-sm">
          <a href={longer(entered)}>Show {longPage} lines</a>
        </p>
      )}
    </>
  )
}

function Level({ entered }: { entered: string }): JSX.Element {
  return (
    <div>
      <label class="label" for="log-level">
        Level
      </label>
      <select id="log-level" class="input" name="level">
        <option value="" selected={entered === ''}>
          All
        </option>
        {levels.map(level => (
          <option key={level} value={level} selected={entered === level}>
            {level === 'fatal' ? 'fatal' : `${level} and above`}
          </option>
        ))}
      </select>
    </div>
  )
}

function longer(entered: LogsData['entered']): string {
  const given = Object.entries({ ...entered, lines: String(longPage) }).filter(([, text]) => text !== '')
  return `/logs?${new URLSearchParams(given)}`
}

function Forbidden(): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Logs</h1>
      </div>
      <div class="card empty">
        <p class="font-medium text-ink">The log is for administrators</p>
        <p>
          It tells of everybody’s requests, so that it needs a token with the scope “admin”. Sign out, and in again with
          one; or ask whoever runs this gateway.
        </p>
      </div>
    </>
  )
}
