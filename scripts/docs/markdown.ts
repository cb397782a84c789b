import type { Field } from './schema.ts'

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

/** The fields of a payload that a client writes. */
export function requestTable(fields: readonly Field[]): string {
  if (fields.length === 0) return 'The payload is empty.'
  const rows = fields.map(field => [
    `\`${field.name}\``,
    field.type,
    field.required ? 'yes' : 'no',
    field.bounds,
    field.default && `\`${field.default}\``,
  ])
  return table(['Field', 'Type', 'Required', 'Bounds', 'Default'], rows)
}

/** The fields of a payload that a client gets. */
export function resultTable(fields: readonly Field[]): string {
  if (fields.length === 0) return 'The payload is empty.'
  const rows = fields.map(({ name, type, required }) => [`\`${name}\``, type, required ? 'always' : 'sometimes'])
  return table(['Field', 'Type', 'Present'], rows)
}

/** A value as a block of JSON, as short as it can be read. */
export function json(value: unknown): string {
  return `\`\`\`json\n${text(value, 0)}\n\`\`\``
}

const maxLineLength = 110

function text(value: unknown, depth: number): string {
  const short = JSON.stringify(value, null, 1)?.replace(/\n\s*/g, ' ') ?? 'null'
  const indent = '  '.repeat(depth)
  const fits = short.length + indent.length <= maxLineLength && depth > 0
  if (fits || typeof value !== 'object' || value === null) return short
  const inner = `${indent}  `
  if (Array.isArray(value)) return `[\n${value.map(item => inner + text(item, depth + 1)).join(',\n')}\n${indent}]`
  const lines = Object.entries(value).map(([key, child]) => `${inner}"${key}": ${text(child, depth + 1)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}

/** Puts texts into the places `{{name}}` of a template. Throws if the two do not match. */
export function fill(template: string, texts: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(texts))
  const filled = template.replace(/\{\{(\w+)\}\}/g, (_place, name: string) => {
    unused.delete(name)
    if (!Object.hasOwn(texts, name)) throw new Error(`Nothing is there for {{${name}}}.`)
    return texts[name] ?? ''
  })
  if (unused.size > 0) throw new Error(`The template has no place for ${[...unused].join(', ')}.`)
  return filled
}
