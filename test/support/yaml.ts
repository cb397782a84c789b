export type Yaml = string | Yaml[] | { [key: string]: Yaml }

interface Line {
  indent: number
  text: string
  at: number
}

/**
 * Reads the part of YAML that the files of deploy/ are written in: maps, lists, plain and quoted text, lists in one line.
 * Every value is text. Whatever else there is in YAML is an error, as is what YAML itself refuses: tabs, a key that comes
 * twice, an indentation that belongs to nothing.
 */
export function parseYaml(source: string): Yaml {
  const lines = source.split('\n').flatMap(lineOf)
  const value = block(lines, 0)
  const [rest] = lines
  if (rest) throw wrong(rest, 'belongs to nothing above it')
  return value
}

function lineOf(line: string, index: number): Line[] {
  const at = index + 1
  const text = line.replace(/(^|\s)#.*$/, '').trimEnd()
  if (text.trim() === '') return []
  const indent = text.search(/\S/)
  const found = { indent, text: text.slice(indent), at }
  if (text.includes('\t')) throw wrong(found, 'holds a tab')
  return [found]
}

/** The lines of this indentation, and what is below them, taken from the front. */
function block(lines: Line[], indent: number): Yaml {
  const [first] = lines
  if (first?.indent !== indent) throw wrong(first, `should be indented by ${indent}`)
  return first.text.startsWith('- ') ? list(lines, indent) : map(lines, indent)
}

function list(lines: Line[], indent: number): Yaml[] {
  const items: Yaml[] = []
  for (let [line] = lines; line?.indent === indent; [line] = lines) {
    if (!line.text.startsWith('- ')) throw wrong(line, 'is no item of the list above it')
    const text = line.text.slice(2)
    if (!keyOf(text)) {
      lines.shift()
      items.push(scalar(text, line))
      continue
    }
    // A map whose first key is behind the dash.
    lines[0] = { ...line, indent: indent + 2, text }
    items.push(map(lines, indent + 2))
  }
  return items
}

function map(lines: Line[], indent: number): { [key: string]: Yaml } {
  const entries = new Map<string, Yaml>()
  for (let [line] = lines; line?.indent === indent; [line] = lines) {
    lines.shift()
    const found = keyOf(line.text)
    if (!found) throw wrong(line, 'has no key')
    if (entries.has(found.key)) throw wrong(line, 'has a key that was there before')
    const [next] = lines
    const nested = found.value === '' && next !== undefined && next.indent > indent
    entries.set(found.key, nested ? block(lines, next.indent) : scalar(found.value, line))
  }
  return Object.fromEntries(entries)
}

function keyOf(text: string): { key: string; value: string } | undefined {
  const [, key, value = ''] = /^([\w./-]+):(?: (.*))?$/.exec(text) ?? []
  return key === undefined ? undefined : { key, value: value.trim() }
}

function scalar(text: string, line: Line): Yaml {
  if (/^".*"$/.test(text)) return String(JSON.parse(text))
  const [, items] = /^\[(.*)\]$/.exec(text) ?? []
  if (items !== undefined) return items.split(',').map(item => scalar(item.trim(), line))
  if (/^[|>&*!{}[\]'"%@`?]/.test(text) || /: |:$/.test(text)) throw wrong(line, 'is in a form that this does not read')
  return text
}

function wrong(line: Line | undefined, why: string): Error {
  return new Error(line ? `Line ${line.at} ${why}: ${line.text}` : 'There is nothing.')
}
