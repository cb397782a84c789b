import type { ComponentChildren, JSX } from 'preact'
import type { Field } from './fields.ts'

export interface FieldsInput {
  fields: readonly Field[]
  /** What the controls hold, by name; undefined for a form that nobody filled in. */
  entries: Readonly<Record<string, string>> | undefined
  problems: Readonly<Record<string, string>>
}

/** The controls for the arguments of a tool. They keep what is typed by themselves, so that taking over a page loses nothing. */
export function Fields({ fields, entries, problems }: FieldsInput): JSX.Element {
  return (
    <>
      {fields.map(field =>
        field.kind === 'group' ? (
          <fieldset key={field.name} class="tool-group">
            <legend class="label">
              {field.label}
              <Optional field={field} />
            </legend>
            {field.help && <p class="mb-2 text-sm text-muted">{field.help}</p>}
            <Fields fields={field.fields} entries={entries} problems={problems} />
          </fieldset>
        ) : (
          <Row
            key={field.name}
            field={field}
            text={entries?.[field.name]}
            isNew={!entries}
            problem={problems[field.name]}
          />
        ),
      )}
    </>
  )
}

interface RowInput {
  field: Field
  text: string | undefined
  isNew: boolean
  problem: string | undefined
}

function Row(input: RowInput): JSX.Element {
  const { field, problem } = input
  const id = controlId(field.name)
  const help = [field.help, hintOf(field)].filter(Boolean).join(' ')
  const describedBy = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(' ') || undefined
  const control: Control = {
    ...{ id, name: field.name, 'aria-describedby': describedBy },
    ...(problem !== undefined && { 'aria-invalid': 'true' as const }),
  }
  if (field.kind === 'boolean') {
    return (
      <div>
        <label class="flex min-h-10 items-center gap-2.5 text-sm font-medium">
          <input {...control} type="checkbox" class="size-4 accent-fill" defaultChecked={isTicked(input)} />
          {field.label}
        </label>
        <Help id={id} text={help} problem={problem} />
      </div>
    )
  }
  return (
    <div>
      <label class="label" for={id}>
        <span class="font-mono">{field.label}</span>
        <Optional field={field} />
      </label>
      <ControlOf {...input} control={control} />
      <Help id={id} text={help} problem={problem} />
    </div>
  )
}

type Control = {
  id: string
  name: string
  'aria-describedby': string | undefined
  'aria-invalid'?: 'true'
}

function ControlOf({ field, text, control }: RowInput & { control: Control }): JSX.Element {
  const isNeeded = field.required && (field.kind !== 'text' || (field.minLength ?? 0) > 0)
  const common = { ...control, required: isNeeded || undefined, spellcheck: false, autocomplete: 'off' as const }
  switch (field.kind) {
    case 'choice':
      return <Choices field={field} text={text} control={{ ...control, required: field.required || undefined }} />
    case 'number':
      return (
        <input
          {...common}
          class="input sm:max-w-56"
          type="number"
          step={field.integer ? 1 : 'any'}
          min={field.min}
          max={field.max}
          placeholder={exampleOf(field)}
          defaultValue={text}
        />
      )
    case 'text':
      return (
        <input
          {...common}
          class="input"
          maxLength={field.maxLength}
          placeholder={exampleOf(field)}
          defaultValue={text}
        />
      )
    default: {
      const isCode = field.kind === 'json'
      const maxLength = field.kind === 'long' ? field.maxLength : undefined
      const required = field.kind === 'long' && (field.minLength ?? 0) === 0 ? undefined : common.required
      return (
        <textarea
          {...common}
          required={required}
          class={`input tool-text ${isCode ? 'font-mono' : ''}`}
          rows={field.kind === 'lines' ? 2 : 3}
          maxLength={maxLength}
          placeholder={exampleOf(field)}
          defaultValue={text}
        />
      )
    }
  }
}

function Choices({ field, text, control }: { field: Field; text: string | undefined; control: object }): JSX.Element {
  return (
    <select {...control} class="input sm:max-w-56">
      {(!field.required || text === undefined) && (
        <option value="">{field.fallback === undefined ? '—' : `${wordOf(field.fallback)} (default)`}</option>
      )}
      {field.choices.map(choice => {
        const value = JSON.stringify(choice)
        return (
          <option key={value} value={value} selected={value === text}>
            {wordOf(choice)}
          </option>
        )
      })}
    </select>
  )
}

function Optional({ field }: { field: Field }): JSX.Element | null {
  return field.required ? null : <span class="ml-1.5 font-normal text-muted">optional</span>
}

function Help(input: { id: string; text: ComponentChildren; problem: string | undefined }): JSX.Element {
  const { id, text, problem } = input
  return (
    <>
      {text && (
        <p id={`${id}-help`} class="help">
          {text}
        </p>
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} class="field-error">
          {problem}
        </p>
      )}
    </>
  )
}

/** The id of a control; names are JSON Pointers, which may hold what no id may. */
export function controlId(name: string): string {
  return `f${name.replaceAll(/[^A-Za-z0-9]/g, sign => `-${sign.charCodeAt(0).toString(16)}`)}`
}

/** What can be said of a field in a few words: its bounds, and what happens where it is empty. */
function hintOf(field: Field): string {
  const { kind, min, max, item } = field
  const hints = kind === 'lines' ? ['One a line.'] : kind === 'json' ? ['As JSON.'] : []
  const isNumber = kind === 'number' || (kind === 'lines' && item === 'number')
  if (isNumber && min !== undefined && max !== undefined) hints.push(`${shown(min)} to ${shown(max)}.`)
  else if (isNumber && min !== undefined) hints.push(`${shown(min)} or more.`)
  else if (isNumber && max !== undefined) hints.push(`${shown(max)} or less.`)
  const isSaid = field.fallback === undefined || field.fallback === '' || kind === 'boolean' || kind === 'choice'
  if (!isSaid)
    hints.push(`Default: ${typeof field.fallback === 'number' ? shown(field.fallback) : wordOf(field.fallback)}`)
  return hints.join(' ')
}

function shown(value: number): string {
  return value.toLocaleString('en')
}

function wordOf(value: unknown): string {
  if (value === true) return 'yes'
  if (value === false) return 'no'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function exampleOf({ example, kind, fallback }: Field): string | undefined {
  const value = example ?? (kind === 'json' ? fallback : undefined)
  if (value === undefined) return undefined
  if (kind === 'lines' && Array.isArray(value)) return `e.g. ${value.join('\n')}`
  return `e.g. ${typeof value === 'string' ? value : JSON.stringify(value)}`
}

function isTicked({ field, text, isNew }: RowInput): boolean {
  return isNew ? field.fallback === true : text === 'on'
}
