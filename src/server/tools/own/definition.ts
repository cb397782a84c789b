import * as z from 'zod'

/** Why a file is no tool, for the person who wrote it. */
export class DefinitionError extends Error {}

const maxTimeoutMs = 600_000

const definitionSchema = z.object({
  name: z
    .string({ error: 'must be text' })
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/, 'must be words in lower case joined by "_", such as "stock_price"')
    .max(64),
  description: z.string({ error: 'must be text that tells a model what the tool does' }).min(1).max(4_000),
  permission: z.enum(['safe', 'write', 'exec', 'network'], 'must be "safe", "write", "exec" or "network"'),
  parameters: z.looseObject(
    { type: z.literal('object', 'must be "object"') },
    'must be a JSON Schema of an object, such as { type: "object", properties: {} }',
  ),
  example: z.record(z.string(), z.unknown()).optional(),
  timeoutMs: z.number().int().min(1).max(maxTimeoutMs).optional(),
})

/** What a file of the folder says of its tool. */
export type OwnDefinition = z.output<typeof definitionSchema>

/** @throws DefinitionError that names what is wrong */
export function readDefinition(found: unknown): OwnDefinition {
  const parsed = definitionSchema.safeParse(found)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.slice(0, 3).map(({ path, message }) => `"${path.join('.')}" ${message}`)
  throw new DefinitionError(`Its default export is not right: ${problems.join('; ')}.`)
}

/** The check of arguments. @throws DefinitionError if the JSON Schema cannot be used */
export function argumentsSchema({ parameters }: OwnDefinition): z.ZodObject {
  let schema: z.ZodType
  try {
    // It was made of JSON, and `type` is known to be "object".
    schema = z.fromJSONSchema(withoutPatterns(parameters) as z.core.JSONSchema.JSONSchema)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DefinitionError(`Its "parameters" cannot be used: ${reason}.`)
  }
  if (schema instanceof z.ZodObject) return schema
  throw new DefinitionError('Its "parameters" must be a plain object with "properties".')
}

/** Expressions of others would run in the gateway and could take for ever there; the tool may check its arguments itself. */
function withoutPatterns(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPatterns)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(
    ([key, held]) =>
      !(key === 'pattern' && typeof held === 'string') && key !== 'patternProperties' && key !== 'format',
  )
  return Object.fromEntries(entries.map(([key, held]) => [key, withoutPatterns(held)]))
}
