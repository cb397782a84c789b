import type * as z from 'zod'
import { nearest } from '../config.ts'

const maxShown = 5
const maxValueLength = 60

interface Declared {
  name: string
  schema: z.ZodObject
  example: unknown
}

/** Says what is wrong with arguments in words that a model or a person can act on. */
export function explainArguments(tool: Declared, issues: readonly z.core.$ZodIssue[]): string {
  const parameters = Object.keys(tool.schema.shape)
  const problems = issues.slice(0, maxShown).map(issue => explain(issue, parameters))
  const more = issues.length > maxShown ? `; and ${issues.length - maxShown} more` : ''
  return `The arguments of ${tool.name} are not right: ${problems.join('; ')}${more}. Example: ${JSON.stringify(tool.example)}`
}

function explain(issue: z.core.$ZodIssue, parameters: string[]): string {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey(key, parameters)).join('; ')
  const where = issue.path.length === 0 ? 'arguments' : issue.path.join('.')
  const message = issue.message.replace(/^Invalid input: /, '')
  return `"${where}" ${message.endsWith('received undefined') ? `is missing (${message})` : `is wrong (${message})`}`
}

function unknownKey(key: string, parameters: string[]): string {
  const shown = key.slice(0, maxValueLength)
  return `there is no "${shown}" (did you mean "${nearest(shown, parameters)}"? It takes ${parameters.join(', ')})`
}
