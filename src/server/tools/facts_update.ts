import * as z from 'zod'
import type { Facts } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import { isTooDeep } from './arguments.ts'
import { originOf } from './memory/keep.ts'
import { changeLines } from './memory/show.ts'
import { defineTool } from './tool.ts'

const maxChars = 64 * 1024

export default defineTool({
  name: 'facts_update',
  description:
    'Changes what is known for good (FACTS.json, one JSON object that every conversation sees): merged key by key, null takes a key away.',
  group: 'memory',
  permission: 'write',
  schema: z.strictObject({
    facts: z
      .union([z.record(z.string(), z.unknown()), z.string().max(maxChars)])
      .describe('What to merge: an object, or an object as JSON text.'),
  }),
  example: { facts: { user: { name: 'Ada', city: 'Köln', pet: null } } },
  async dryRun({ facts }, { store }) {
    const changes = await store.foreseeFacts(patchOf(facts))
    return changes.length === 0 ? unchanged : `Would change ${changes.length} of the facts:\n${changeLines(changes)}`
  },
  async run({ facts }, context) {
    const { version, changes, tainted } = await context.store.mergeFacts({
      ...originOf(context),
      patch: patchOf(facts),
    })
    if (changes.length === 0) return unchanged
    const output = `FACTS.json is version ${version} now. Changed:\n${changeLines(changes)}`
    return { output, taints: tainted }
  },
})

const unchanged = 'Nothing changes: the facts say so already.'

function patchOf(facts: string | Record<string, unknown>): Facts {
  if (typeof facts !== 'string') return facts
  let parsed: unknown
  try {
    parsed = JSON.parse(facts)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TalonError('INVALID_MESSAGE', `"facts" is not JSON: ${reason}. Write it as {"user": {"name": "Ada"}}.`)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    if (isTooDeep(parsed)) throw new TalonError('INVALID_MESSAGE', '"facts" is nested too deep. Write it flatter.')
    // It was parsed from an object just now.
    return parsed as Facts
  }
  throw new TalonError('INVALID_MESSAGE', '"facts" must be a JSON object, such as {"user": {"name": "Ada"}}.')
}
