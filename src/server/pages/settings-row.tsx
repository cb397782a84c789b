import type { JSX } from 'preact'
import { type SettingView, shownValue } from './settings-views.ts'

export const settingsFormId = 'settings-form'

/** The form of a secret, which is none of the large one: a browser must not send it with the others. */
export function secretFormId(key: string): string {
  return `secret-${key}`
}

export interface RowProps {
  view: SettingView
  /** Its value in words. */
  shown: string
  /** What its field holds. */
  text: string
  /** What that began with, where it is something else. */
  was?: string
  problem: string | undefined
  /** Whether the filter hides it. */
  hidden: boolean
}

const origins = { default: 'default', file: 'talon.json', env: 'environment', flag: 'command line' } as const

/** One setting on a line, which opens to what it is changed with. */
export function SettingRow(props: RowProps): JSX.Element {
  const { view, shown, text, was, problem, hidden } = props
  const { key, doc, source, restartRequired, live } = view
  return (
    <details
      class="setting"
      id={key}
      hidden={hidden}
      open={was !== undefined || problem !== undefined}
      data-changed={was !== undefined && was !== text ? '' : undefined}
      data-source={source}
      data-restart={restartRequired ? '' : undefined}
    >
      <summary class="setting-head">
        <span class="min-w-0 flex-1">
          <span class="font-medium break-words">
            <code>{key}</code>
            <span class="setting-mark badge">changed</span>
          </span>
          <span class="mt-0.5 block text-sm text-muted">{doc}</span>
        </span>
        <span class="setting-state">
          <span class="setting-value">{shown}</span>
          <span class="setting-from">
            {source === 'default' ? 'default' : <span class="badge">{origins[source]}</span>}
            {restartRequired && <span class="badge badge-warn">waits for a restart</span>}
          </span>
        </span>
      </summary>
      <div class="setting-body">
        <Editor {...props} />
        <p class="help">
          {live ? 'A change takes effect at once.' : 'A change takes effect after a restart.'} The variable{' '}
          <code class="break-all">{view.variable}</code> {view.fixedBy ? 'sets it now.' : 'would win over talon.json.'}
        </p>
      </div>
    </details>
  )
}

function Editor(props: RowProps): JSX.Element {
  const { view } = props
  if (view.fixedBy !== undefined) {
    return (
      <p class="alert">
        Set by {view.fixedBy}, which wins over talon.json. Change it there and restart the gateway; here it cannot be
        changed.
      </p>
    )
  }
  if (view.elsewhere !== undefined) {
    return (
      <p>
        It is changed on a page of its own: <a href={view.elsewhere}>Providers</a>.
      </p>
    )
  }
  return view.secret ? <SecretEditor view={view} /> : <ValueEditor {...props} />
}

function ValueEditor(props: RowProps): JSX.Element {
  const { view, problem } = props
  const { key, field, source, standard } = view
  return (
    <>
      <label class="label" for={`set-${key}`}>
        New value<span class="sr-only"> of {key}</span>
      </label>
      <div class="flex flex-wrap items-start gap-2">
        <div class="min-w-0 flex-1 basis-60">
          <Field {...props} />
        </div>
        {source === 'file' && (
          <button type="submit" class="button" name="reset" value={key}>
            Reset to the default
          </button>
        )}
      </div>
      <p id={`problem-${key}`} class="field-error empty:hidden" aria-live="polite">
        {problem}
      </p>
      <p id={`hint-${key}`} class="help">
        {field.hint} Default: {shownValue(view, standard)}.
      </p>
    </>
  )
}

function Field({ view, text, was, problem }: RowProps): JSX.Element {
  const { key, field } = view
  const common = {
    id: `set-${key}`,
    class: 'input',
    name: `set.${key}`,
    autocomplete: 'off',
    spellcheck: false,
    'data-key': key,
    'data-kind': field.kind,
    'data-nullable': field.nullable ? '' : undefined,
    'data-was': was,
    'aria-describedby': `hint-${key} problem-${key}`,
    'aria-invalid': problem === undefined ? undefined : ('true' as const),
  }
  if (field.kind === 'choice' || field.kind === 'switch') {
    const options = field.kind === 'switch' ? ['true', 'false'] : field.options
    return (
      <select {...common}>
        {options.map(option => (
          <option key={option} value={option} selected={option === text}>
            {field.kind === 'choice' ? option : option === 'true' ? 'on' : 'off'}
          </option>
        ))}
      </select>
    )
  }
  if (field.kind === 'lines' || field.kind === 'json') {
    const rows = Math.min(12, Math.max(3, text.split('\n').length))
    return <textarea {...common} class="input py-2 font-mono text-sm" rows={rows} value={text} />
  }
  return <input {...common} type="text" inputMode={field.kind === 'number' ? 'decimal' : undefined} value={text} />
}

/** Write-only: the value never leaves the gateway. */
function SecretEditor({ view: { key, field, value } }: { view: SettingView }): JSX.Element {
  const common = {
    id: `set-${key}`,
    class: 'input',
    name: 'value',
    form: secretFormId(key),
    'aria-describedby': `hint-${key}`,
  }
  return (
    <>
      <label class="label" for={`set-${key}`}>
        New value<span class="sr-only"> of {key}</span>
      </label>
      <div class="flex flex-wrap items-start gap-2">
        <div class="min-w-0 flex-1 basis-60">
          {field.kind === 'json' ? (
            <textarea {...common} class="input py-2 font-mono text-sm" rows={3} spellcheck={false} />
          ) : (
            <>
              {/* Browsers want a name before a password; that of the setting says whose it is. */}
              <input type="text" value={key} autocomplete="username" form={secretFormId(key)} readOnly hidden />
              <input {...common} type="password" autocomplete="new-password" />
            </>
          )}
        </div>
        <button type="submit" class="button" form={secretFormId(key)}>
          {value === null ? 'Set it' : 'Replace it'}
        </button>
        {value !== null && (
          <button type="submit" class="button" form={secretFormId(key)} name="remove" value="yes">
            Remove it
          </button>
        )}
      </div>
      <p id={`hint-${key}`} class="help">
        It is never shown, so there is nothing to review: it is saved at once.
        {field.kind === 'json' && ` ${field.hint}`}
      </p>
    </>
  )
}
