import { all, create, type MathJsInstance, type MathNode } from 'mathjs'
import { shownDecimal, shownFraction } from './shownNumber.ts'

/** Digits that are calculated where a result is no fraction. */
const precision = 300

/** Parts of an expression that cannot do anything but calculate: no properties, no functions of its own. */
const allowedNodes = new Set([
  'ArrayNode',
  'AssignmentNode',
  'BlockNode',
  'ConditionalNode',
  'ConstantNode',
  'FunctionNode',
  'OperatorNode',
  'ParenthesisNode',
  'RangeNode',
  'RelationalNode',
  'SymbolNode',
])

/** What reads or changes the calculator itself. */
const forbidden = new Set([
  ...['chain', 'compile', 'config', 'create', 'createUnit', 'deleteUnit', 'derivative', 'evaluate', 'factory', 'help'],
  ...['import', 'lsolveAll', 'lusolve', 'parse', 'parser', 'print', 'rationalize', 'replacer', 'resolve', 'reviver'],
  ...['simplify', 'simplifyConstant', 'simplifyCore', 'symbolicEqual', 'typed', 'usolveAll', 'leafCount', 'Unit'],
])

/**
 * The value of an expression: exact where it can be, as a fraction and a decimal, else to many digits.
 * @throws Error that says what is wrong with it
 */
export function calculate(expression: string): string {
  const fractions = create(all ?? {}, { number: 'Fraction', matrix: 'Array' })
  const exact = attempt(() => evaluate(fractions, expression))
  if ('value' in exact && isExact(fractions, exact.value)) return shown(fractions, exact.value)
  const decimals = create(all ?? {}, { number: 'BigNumber', precision, matrix: 'Array' })
  return shown(decimals, evaluate(decimals, expression))
}

function evaluate(math: MathJsInstance, expression: string): unknown {
  const node = math.parse(expression)
  node.traverse(refuseStrange)
  const value: unknown = node.compile().evaluate(new Map())
  return last(value)
}

function refuseStrange(node: MathNode): void {
  if (!allowedNodes.has(node.type))
    throw new Error(`A ${node.type} is not allowed; only numbers, units, operators and functions are.`)
  if ('name' in node && typeof node.name === 'string' && forbidden.has(node.name)) {
    throw new Error(`${node.name} is not allowed.`)
  }
}

/** Of several expressions, the value of the last one. */
function last(value: unknown): unknown {
  if (value === undefined) throw new Error('There is nothing to calculate.')
  if (!isEntries(value)) return value
  if (value.entries.length === 0) throw new Error('There is nothing to calculate.')
  return value.entries.at(-1)
}

function isEntries(value: unknown): value is { entries: unknown[] } {
  return typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries)
}

function isExact(math: MathJsInstance, value: unknown): boolean {
  if (Array.isArray(value)) return value.every(part => isExact(math, part))
  if (math.isUnit(value)) return math.isFraction(value.toNumeric(value.formatUnits()))
  return typeof value === 'boolean' || math.isFraction(value)
}

function shown(math: MathJsInstance, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(part => shown(math, part)).join(', ')}]`
  if (math.isFraction(value)) return shownFraction(value)
  if (math.isBigNumber(value)) return shownDecimal(value)
  if (math.isUnit(value)) {
    const unit = value.formatUnits()
    return `${shown(math, value.toNumeric(unit))} ${unit}`.trim()
  }
  if (typeof value === 'function') throw new Error('A function is no value. Call it with its arguments.')
  // Numbers of 53 bits, as complex ones are made of, say nothing beyond so many digits.
  const text = math.format(value, { precision: 15 })
  if (text === 'NaN' || text.endsWith('Infinity')) throw new Error('It has no finite value.')
  return text
}

function attempt<T>(act: () => T): { value: T } | { error: unknown } {
  try {
    return { value: act() }
  } catch (error) {
    return { error }
  }
}
