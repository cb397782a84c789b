import type * as z from 'zod'
import { nearest } from '../config.ts'

/** Of problems, and of names in one of them. */
const maxShown = 5
const maxValueLength = 60

/** As deep as a frame on the wire may be; what a model writes has no other bound. */
const maxDepth = 32

interface Declared {
  name: string
  schema: z.ZodObject
  example: unknown
}

type Issue = z.core.$ZodIssue

/** Says what is wrong with arguments in words that a model or a person can act on. */
export function explainArguments(
  tool: Declared,
  issues: readonly Issue[],
  args: Readonly<Record<string, unknown>>,
): string {
  const parameters = Object.keys(tool.schema.shape)
  const problems = [...new Set(issues.flatMap(issue => explain(issue, parameters, args)))]
  const more = problems.length > maxShown ? `; and ${problems.length - maxShown} more` : ''
  const shown = problems.slice(0, maxShown).join('; ')
  return `The arguments of ${tool.name} are not right: ${shown}${more}. Example: ${JSON.stringify(tool.example)}`
}

/** Why arguments are not even looked at; undefined if they are not nested too deep. */
export function explainDepth({ name, example }: Pick<Declared, 'name' | 'example'>, args: object): string | undefined {
  if (!isTooDeep(args)) return undefined
  return `The arguments of ${name} are nested deeper than ${maxDepth} levels. Example: ${JSON.stringify(example)}`
}

/** Whether what was JSON is nested so deep that whatever goes through it could fail. */
export function isTooDeep(json: object): boolean {
  let level: unknown[] = [json]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true
    level = level.flatMap(value => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}

function explain(issue: Issue, parameters: string[], args: Readonly<Record<string, unknown>>): string[] {
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) return unknownKeys(issue.keys, parameters)
  const where = issue.path.length === 0 ? 'arguments' : issue.path.join('.').slice(0, maxValueLength)
  const isMissing = issue.path.length === 1 && !Object.hasOwn(args, where)
  const expected = expectedBy(issue)
  return [
    `"${where}" ${isMissing ? `is missing (${expected.replace(/, received undefined$/, '')})` : `is wrong (${expected})`}`,
  ]
}

/** Where there are several ways to write it, all of them are said. */
function expectedBy(issue: Issue): string {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue.message.replace(/^Invalid input: /, '')
  const ways = issue.errors.flatMap(([first]) => (first ? [expectedBy(first)] : []))
  return [...new Set(ways)].slice(0, maxShown).join(', or ')
}

function unknownKeys(keys: readonly string[], parameters: string[]): string[] {
  const takes = parameters.length === 0 ? 'It takes no arguments' : `It takes ${parameters.join(', ')}`
  // However many there are: a name takes time to compare.
  return keys.slice(0, maxShown + 1).map(key => {
    const shown = key.slice(0, maxValueLength)
    const hint = parameters.length === 0 ? '' : `did you mean "${nearest(shown, parameters)}"? `
    return `there is no "${shown}" (${hint}${takes})`
  })
}
