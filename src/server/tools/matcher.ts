import { RE2JS } from 're2js'
import { TalonError } from '../../protocol/errors.ts'

/** Instructions of a compiled expression: each may cost one step for each character. */
const maxProgramSize = 2_000
/** Steps that one line may cost, about 100 ms in the worst case. */
const maxLineSteps = 5_000_000
const maxExpressionLength = 1_000

/** Finds a query in a line. */
export interface Matcher {
  /** How much of a line is looked at, in UTF-16 units. */
  maxLineLength: number
  test(line: string): boolean
}

/**
 * Matches text as it is written, or an expression in the syntax of RE2, which always runs in linear time.
 * @throws TalonError `INVALID_MESSAGE` for an expression that cannot be used
 */
export function createMatcher(query: string, options: { regex: boolean; caseSensitive: boolean }): Matcher {
  if (options.regex) return expressionMatcher(query, options.caseSensitive)
  const unlimited = { maxLineLength: Number.POSITIVE_INFINITY }
  if (options.caseSensitive) return { ...unlimited, test: line => line.includes(query) }
  const folded = query.toLowerCase()
  return { ...unlimited, test: line => line.toLowerCase().includes(folded) }
}

function expressionMatcher(query: string, caseSensitive: boolean): Matcher {
  if (query.length > maxExpressionLength) throw invalid(query, `it is longer than ${maxExpressionLength} characters`)
  const expression = compile(query, caseSensitive)
  const size = expression.programSize()
  if (size > maxProgramSize) throw invalid(query, 'it repeats too much')
  return { maxLineLength: Math.floor(maxLineSteps / Math.max(size, 1)), test: line => expression.test(line) }
}

function compile(query: string, caseSensitive: boolean): RE2JS {
  try {
    return RE2JS.compile(query, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE)
  } catch (error) {
    throw invalid(query, error instanceof Error ? error.message : String(error))
  }
}

function invalid(query: string, problem: string): TalonError {
  const shown = JSON.stringify(query.slice(0, 100))
  const advice = 'Expressions are those of RE2, without look-around and back references'
  return new TalonError('INVALID_MESSAGE', `The expression ${shown} cannot be used: ${problem}. ${advice}.`)
}
