import type { ComponentChildren, JSX } from 'preact'

interface Column {
  label: string
  /** Of numbers, or with a label for screen readers only. */
  kind?: 'number' | 'unseen'
}

/** A table that scrolls where it is wider than its page. */
export function Table(input: { label: string; columns: readonly Column[]; children: ComponentChildren }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section class="table-box" tabIndex={0} aria-label={input.label}>
      <table class="table">
        <thead>
          <tr>
            {input.columns.map(({ label, kind }) => (
              <th key={label} scope="col" class={kind === 'number' ? 'num' : undefined}>
                {kind === 'unseen' ? <span class="sr-only">{label}</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        {input.children}
      </table>
    </section>
  )
}
