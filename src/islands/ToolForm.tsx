import { type Signal, useSignal } from '@preact/signals'
import type { JSX, TargetedKeyboardEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { useHydrated } from './parts/hydrated.ts'
import { useLoaded } from './parts/loaded.ts'
import { Copies } from './tools/Copies.tsx'
import { controlId, Fields } from './tools/Fields.tsx'
import type { Field } from './tools/fields.ts'
import { entriesOf, jsonName, type Read, readFields, readJson } from './tools/form.ts'
import { Progress } from './tools/Progress.tsx'
import { createBench, run } from './tools/run.ts'

export interface ToolFormProps {
  toolName: string
  fields: readonly Field[]
  takesArguments: boolean
  /** What the controls hold at first; undefined for an empty form. */
  entries: Record<string, string> | undefined
  /** All arguments as JSON, where they are written so. */
  json: string | undefined
  problems: Record<string, string>
  /** The newest sessions, and the one that is chosen. */
  sessions: { id: string; name: string }[]
  sessionId: string | undefined
  /** Whether it would wait for a person, as far as that can be said before the arguments are known. */
  asks: boolean
  /** Why it cannot be run, for a person; undefined if it can. */
  obstacle: string | undefined
  names: Record<string, string>
  /** The gateway's clock when the page was made. */
  now: number
}

const loadResult = () => import('./tools/Result.tsx')

type Filled = Pick<ToolFormProps, 'entries' | 'json'>

/** The form that runs a tool: without JavaScript it is sent, with it the run is followed here. */
export default function ToolForm(props: ToolFormProps): JSX.Element {
  const { toolName, fields, sessionId, obstacle, takesArguments } = props
  const bench = useMemo(createBench, [])
  const hydrated = useHydrated()
  const form = useRef<HTMLFormElement>(null)
  const problems = useSignal(props.problems)
  const filled = useSignal<Filled & { version: number }>({ entries: props.entries, json: props.json, version: 0 })
  const { entries, json, version } = filled.value
  const isJson = json !== undefined
  const result = useLoaded(loadResult, bench.outcome.value !== undefined)
  const chosen = () => String((form.current && new FormData(form.current).get('session')) ?? sessionId ?? '')
  const requestOf = ({ args }: Read) => ({ toolName, args, sessionId: chosen() || undefined })
  const read = (): Read => readForm(form.current, fields, isJson) ?? readFilled(fields, filled.peek())

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const isRun = event.submitter instanceof HTMLButtonElement && event.submitter.value === 'run'
    const found = read()
    problems.value = found.problems
    if (Object.keys(found.problems).length === 0 && !bench.working.peek()) run(bench, requestOf(found), !isRun)
  }
  // After it is shown: what is wrong has the focus.
  useEffect(() => {
    const [first] = Object.keys(problems.value)
    if (first !== undefined) form.current?.querySelector<HTMLElement>(`#${controlId(first)}`)?.focus()
  }, [problems.value])
  const fill = (next: Filled) => {
    problems.value = {}
    filled.value = { ...next, version: version + 1 }
  }

  return (
    <>
      <form
        ref={form}
        class="card flex flex-col gap-5 p-5"
        method="post"
        noValidate={hydrated}
        onSubmit={submit}
        onKeyDown={onModEnter}
        aria-label={`Arguments of ${toolName}`}
      >
        {takesArguments ? (
          <>
            <ModeSwitch {...{ isJson, fields, problems, read, fill }} />
            {isJson ? (
              <JsonField key={version} text={json} problem={problems.value[jsonName]} />
            ) : (
              <Fields key={version} fields={fields} entries={entries} problems={problems.value} />
            )}
          </>
        ) : (
          <p class="text-sm text-muted">This tool takes no arguments.</p>
        )}
        <SessionChoice {...props} />
        <div class="flex flex-wrap items-center gap-2">
          <button type="submit" name="action" value="dryRun" class="button" disabled={obstacle !== undefined}>
            Dry run
          </button>
          <button
            type="submit"
            name="action"
            value="run"
            class="button button-primary"
            disabled={obstacle !== undefined}
          >
            Run
          </button>
          <p class="text-sm text-muted">{obstacle ?? whatRuns(props.asks)}</p>
        </div>
      </form>
      <Progress bench={bench} names={props.names} now={props.now} asks={props.asks} />
      {result && bench.outcome.value && <result.Result outcome={bench.outcome.value} names={props.names} />}
      <Copies form={form} read={() => requestOf(read())} version={version} />
    </>
  )
}

function whatRuns(asks: boolean): string {
  const dry = 'A dry run changes nothing and says what would be.'
  return asks ? `${dry} A run waits until a person allows it.` : dry
}

/** What is in the form now; undefined before there is one, as on the server. */
function readForm(form: HTMLFormElement | null, fields: readonly Field[], isJson: boolean): Read | undefined {
  if (!form) return undefined
  const data = new FormData(form)
  const entered = (name: string) => {
    const value = data.get(name)
    return typeof value === 'string' ? value : undefined
  }
  return isJson ? readJson(entered(jsonName) ?? '') : readFields(fields, entered)
}

function readFilled(fields: readonly Field[], { json, entries }: Filled): Read {
  return json === undefined ? readFields(fields, name => entries?.[name]) : readJson(json)
}

/** Ctrl or Cmd with Enter runs, from any field; Enter alone is a dry run, as the first button of the form. */
function onModEnter(event: TargetedKeyboardEvent<HTMLFormElement>): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
  const button = event.currentTarget.querySelector<HTMLButtonElement>('button[value="run"]')
  event.preventDefault()
  if (button && !button.disabled) event.currentTarget.requestSubmit(button)
}

/** Between controls and JSON, with what is filled in already; without JavaScript a link to the empty other one. */
function ModeSwitch(input: {
  isJson: boolean
  fields: readonly Field[]
  problems: Signal<Record<string, string>>
  read: () => Read
  fill: (filled: Filled) => void
}): JSX.Element | null {
  const { isJson, fields, problems, read, fill } = input
  if (fields.length === 0) return null
  const onClick = (event: MouseEvent) => {
    event.preventDefault()
    const { args, problems: found } = read()
    if (!isJson) return fill({ entries: undefined, json: JSON.stringify(args, null, 2) })
    const entries = Object.keys(found).length === 0 ? entriesOf(fields, args) : undefined
    if (entries) return fill({ entries, json: undefined })
    problems.value = { [jsonName]: found[jsonName] ?? 'The form has no place for all of this. Leave it as JSON.' }
  }
  return (
    <div class="-mb-2 flex items-baseline justify-between gap-4">
      <h2>Arguments</h2>
      <p class="flex flex-wrap justify-end gap-x-4 text-sm">
        <a href={isJson ? '?mode=json&fill=example' : '?fill=example'}>Example</a>
        <a href={isJson ? '?' : '?mode=json'} onClick={onClick}>
          {isJson ? 'Fill in a form' : 'Write JSON'}
        </a>
      </p>
    </div>
  )
}

function JsonField({ text, problem }: { text: string; problem: string | undefined }): JSX.Element {
  const id = controlId(jsonName)
  return (
    <div>
      <label class="label" for={id}>
        All arguments as a JSON object
      </label>
      <textarea
        id={id}
        name={jsonName}
        class="input tool-text font-mono"
        rows={8}
        spellcheck={false}
        defaultValue={text}
        aria-invalid={problem === undefined ? undefined : 'true'}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
      />
      {problem !== undefined && (
        <p id={`${id}-problem`} class="field-error">
          {problem}
        </p>
      )}
    </div>
  )
}

function SessionChoice({ sessions, sessionId }: ToolFormProps): JSX.Element {
  return (
    <div>
      <label class="label" for="session">
        Session <span class="ml-1 font-normal text-muted">optional</span>
      </label>
      <select id="session" name="session" class="input sm:max-w-md" aria-describedby="session-help">
        <option value="">None</option>
        {sessions.map(({ id, name }) => (
          <option key={id} value={id} selected={id === sessionId}>
            {name}
          </option>
        ))}
      </select>
      <p id="session-help" class="help">
        With one, its profile and its grants decide, and what the tool makes belongs to it.
      </p>
    </div>
  )
}
