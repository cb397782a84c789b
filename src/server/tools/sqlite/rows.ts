import * as z from 'zod'

const cellSchema = z.union([z.string(), z.number(), z.null()])

/** What the child of `sqlite_query` says. */
export const saidSchema = z.union([
  z.object({
    columns: z.array(z.string()),
    rows: z.array(z.array(cellSchema)),
    /** What ended the rows before their end. */
    more: z.enum(['rows', 'bytes']).optional(),
  }),
  /** With the code of SQLite if it is its word. */
  z.object({ problem: z.string(), code: z.number().optional() }),
])

export type Rows = Extract<z.output<typeof saidSchema>, { rows: unknown }>

/** Rows as a table in Markdown. */
export function asTable({ columns, rows }: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map(cellText)),
    line(columns.map(() => '---')),
    ...rows.map(row => line(row.map(cellText))),
  ].join('\n')
}

/** Rows as objects in JSON; of columns with the same name the later ones are numbered. */
export function asJson({ columns, rows }: Rows): string {
  const names = columns.map((name, index) => {
    const before = columns.slice(0, index).filter(other => other === name).length
    return before === 0 ? name : `${name}_${before + 1}`
  })
  const lines = rows.map(row => JSON.stringify(Object.fromEntries(row.map((cell, index) => [names[index], cell]))))
  return lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n]`
}

function cellText(cell: string | number | null): string {
  if (cell === null) return 'NULL'
  return String(cell).replace(/[\\|]/g, '\\$&').replace(/\r?\n/g, '<br>')
}
