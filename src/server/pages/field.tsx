import type { ComponentChildren, JSX } from 'preact'

interface FieldProps {
  label: ComponentChildren
  /** Of the form, and the id of the field. */
  name: string
  /** Below the field, and read with it. */
  help?: ComponentChildren
  /** Of the box around all of it. */
  boxClass?: string
  /** What belongs to it, such as a list of examples. */
  children?: ComponentChildren
  // The rest as on an input.
  type?: 'url' | 'password' | 'datetime-local'
  class?: string
  value?: string
  list?: string
  maxLength?: number
  pattern?: string
  placeholder?: string
  title?: string
  required?: boolean
  spellcheck?: boolean
  autocomplete?: 'new-password'
}

/** A line to write in, with its label. A browser completes it only where `autocomplete` says how. */
export function Field({ label, name, help, boxClass, children, ...rest }: FieldProps): JSX.Element {
  // Which of them go together is not known for all types of inputs at once.
  const input: object = rest
  const helpId = `${name}-help`
  return (
    <div class={boxClass}>
      <label class="label" for={name}>
        {label}
      </label>
      <input
        class="input"
        autocomplete="off"
        {...input}
        id={name}
        name={name}
        aria-describedby={help === undefined ? undefined : helpId}
      />
      {help !== undefined && (
        <p class="help" id={helpId}>
          {help}
        </p>
      )}
      {children}
    </div>
  )
}
