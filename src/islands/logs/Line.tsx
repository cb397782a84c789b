import { Component, type JSX, type TargetedToggleEvent } from 'preact'
import { clockTime } from '../dashboard/words.ts'
import { CopyButton } from '../parts/CopyButton.tsx'
import type { Entry } from './tail.ts'

export interface LineProps {
  entry: Entry
  /** Whether its fields are in the page from the start, for browsers without JavaScript. */
  whole: boolean
  /** Whether times are told in the reader's zone, which only the browser knows. */
  local: boolean
}

// A filter of the address is no longer than that.
const maxValueChars = 200

/** One line: what happened, and all its fields when it is opened. It never changes, however many come after it. */
export class Line extends Component<LineProps, { isOpened: boolean }> {
  override state = { isOpened: this.props.whole }

  override shouldComponentUpdate(next: LineProps, { isOpened }: { isOpened: boolean }): boolean {
    return next.local !== this.props.local || isOpened !== this.state.isOpened
  }

  onToggle = (event: TargetedToggleEvent<HTMLDetailsElement>): void => {
    if (event.currentTarget.open) this.setState({ isOpened: true })
  }

  override render({ entry, local }: LineProps, { isOpened }: { isOpened: boolean }): JSX.Element {
    const { level, time, msg } = entry
    return (
      <li class={`line line-${level}`}>
        <details onToggle={this.onToggle}>
          <summary>
            <time dateTime={time} title={time}>
              {local ? localTime(time) : time.slice(11, 23)}
            </time>
            <b>{level.toUpperCase()}</b>
            <span class="line-message">{msg}</span>
            <span class="line-fields">{shortFields(entry)}</span>
          </summary>
          {isOpened && <Body entry={entry} />}
        </details>
      </li>
    )
  }
}

/** With milliseconds; what is no time is shown as it is. */
function localTime(time: string): string {
  const at = Date.parse(time)
  return Number.isNaN(at) ? time : `${clockTime(at, { seconds: true, local: true })}.${time.slice(20, 23)}`
}

function Body({ entry }: { entry: Entry }): JSX.Element {
  const fields = fieldsOf(entry)
  return (
    <div class="line-body">
      {fields.length > 0 && (
        <dl>
          {fields.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {typeof value === 'object' && value !== null ? (
                  <pre>{textOf(value)}</pre>
                ) : (
                  <Value name={name} text={String(value)} />
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div class="flex flex-wrap gap-2">
        <CopyButton text={() => JSON.stringify(entry, null, 2)} label="Copy as JSON" />
        {typeof entry['sessionId'] === 'string' && (
          <a class="button" href={`/sessions/${encodeURIComponent(entry['sessionId'])}`}>
            Open the session
          </a>
        )}
      </div>
    </div>
  )
}

function Value({ name, text }: { name: string; text: string }): JSX.Element {
  // The address of a filter has no place for it.
  if (text === '' || text.length > maxValueChars || /[=\s]/.test(name)) return <>{text}</>
  return (
    <a href={`/logs?field=${encodeURIComponent(`${name}=${text}`)}`} title={`Only lines with this ${name}`}>
      {text}
    </a>
  )
}

function fieldsOf({ level: _level, time: _time, msg: _msg, seq: _seq, ...fields }: Entry): [string, unknown][] {
  return Object.entries(fields)
}

/** The fields in as few characters as tell something; the whole line is in what opens. */
function shortFields(entry: Entry): string {
  return fieldsOf(entry)
    .map(([name, value]) => `${name}=${shortValue(value)}`)
    .join(' ')
    .slice(0, maxValueChars)
}

function shortValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return 'message' in value ? String(value.message) : JSON.stringify(value)
}

/** An error with its stack on lines of their own; everything else as JSON. */
function textOf(value: object): string {
  if ('stack' in value && typeof value.stack === 'string') {
    const { stack, ...rest } = value
    return `${JSON.stringify(rest, null, 2)}\n${stack}`
  }
  return JSON.stringify(value, null, 2)
}
