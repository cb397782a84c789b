import { posix } from 'node:path'
import { parseSync } from 'vite'

/**
 * How one file uses another: at run time, for its types only, or as one of a folder (`import.meta.glob`), where the
 * importing file knows no name.
 */
export type ImportKind = 'value' | 'type' | 'glob'

export interface Import {
  from: string
  /** A path in the checkout, or the name of a package or of a module of Node as it is written. */
  to: string
  kind: ImportKind
}

/** What one file says of itself, as far as the rule of the rooms is concerned. */
export interface Source {
  path: string
  lines: number
  imports: Import[]
  usesAny: boolean
  readsEnvironment: boolean
  /** An `import()` whose target is computed, so that nobody can follow it. */
  importsComputed: boolean
}

interface Node {
  type: string
  [key: string]: unknown
}

/** Parses the text of one file; `paths` are all files of the checkout, for globs. */
export function readSource(path: string, text: string, paths: readonly string[]): Source {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`)
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const source: Source = { path, lines, imports: [], usesAny: false, readsEnvironment: false, importsComputed: false }
  const add = (specifier: string, kind: ImportKind) => {
    source.imports.push({ from: path, to: resolve(path, specifier), kind })
  }
  for (const node of nodesOf(program)) {
    if (node.type === 'TSAnyKeyword') source.usesAny = true
    if (readsEnvironment(node)) source.readsEnvironment = true
    const kind = node['importKind'] === 'type' || node['exportKind'] === 'type' ? 'type' : 'value'
    if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type)) {
      const specifier = literal(node['source'])
      if (specifier !== undefined) add(specifier, kind)
    } else if (node.type === 'TSImportType') {
      add(literal(node['source']) ?? '', 'type')
    } else if (node.type === 'ImportExpression') {
      const specifier = literal(node['source'])
      if (specifier === undefined) source.importsComputed = true
      else add(specifier, 'value')
    } else {
      for (const found of globbed(path, node, paths)) source.imports.push({ from: path, to: found, kind: 'glob' })
    }
  }
  return source
}

function* nodesOf(root: unknown): Generator<Node> {
  const queue: unknown[] = [root]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== 'object' || next === null) continue
    if ('type' in next && typeof next.type === 'string') yield next as Node // Every node of the tree has a type.
    queue.push(...Object.values(next).filter(value => typeof value === 'object' && value !== null))
  }
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier
}

function literal(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null || !('value' in node)) return undefined
  return typeof node.value === 'string' ? node.value : undefined
}

/** The name of an identifier, or of the property that `x.name` and `x['name']` read. */
function nameOf(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null || !('type' in node)) return undefined
  if (node.type === 'MemberExpression' && 'property' in node) return nameOf(node.property)
  if ('name' in node && typeof node.name === 'string') return node.name
  return literal(node)
}

/** `process.env`, `globalThis.process.env`, `const { env } = process`, and `process` as a module. */
function readsEnvironment(node: Node): boolean {
  if (node.type === 'MemberExpression')
    return nameOf(node['property']) === 'env' && nameOf(node['object']) === 'process'
  if (node.type === 'VariableDeclarator') {
    const pattern = node['id'] as Node // A declarator has a pattern or a name.
    return nameOf(node['init']) === 'process' && pattern.type === 'ObjectPattern'
  }
  return node.type === 'ImportDeclaration' && /^(node:)?process$/.test(literal(node['source']) ?? '')
}

function globbed(path: string, node: Node, paths: readonly string[]): string[] {
  if (node.type !== 'CallExpression' || nameOf(node['callee']) !== 'glob') return []
  const [pattern] = node['arguments'] as unknown[] // A call has a list of arguments.
  const specifier = literal(pattern)
  if (specifier === undefined) return []
  const text = resolve(path, specifier).replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  const expression = new RegExp(`^${text.replaceAll('*', '[^/]*')}$`)
  return paths.filter(candidate => expression.test(candidate))
}
