import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import type { SearchHit } from '../../protocol/shapes.ts'
import { minuteOf } from './memory/keep.ts'
import { defineTool, type ToolContext } from './tool.ts'

const notInSession =
  'session_search looks in the conversation that it is called in, and this call is in none. Name one by "sessionId", or search all with session.search.'
const notReader = 'To search a conversation from outside of it takes a token with the scope "read".'

export default defineTool({
  name: 'session_search',
  description:
    'Finds what was said in this conversation, before resets too: words, "phrases", prefix*, -without, one OR another, role:user, after:2026-01-31.',
  group: 'sessions',
  permission: 'safe',
  schema: z.strictObject({
    query: z.string().max(1_000).describe('What to look for, in any language.'),
    limit: z.int().min(1).max(100).default(10).describe('How many messages at most.'),
  }),
  example: { query: '"train to Köln" role:user', limit: 5 },
  dryRun: async ({ query }) => `Would search this conversation for ${JSON.stringify(query)}.`,
  async run({ query, limit }, context) {
    const { store, sessionId, signal, clock } = context
    if (sessionId === undefined) throw new TalonError('INVALID_MESSAGE', notInSession)
    if (!(await mayRead(context))) throw new TalonError('FORBIDDEN', notReader)
    const head = await store.getHead(sessionId)
    // The question itself holds what is looked for.
    const question = await questionOf(context)
    const search = { query, sessionId, limit: limit + 1, now: clock.now() }
    const { hits, unindexed } = await store.search(search, { signal })
    const shown = hits
      .filter(hit => !question || hit.epoch !== question.epoch || hit.seq !== question.seq)
      .slice(0, limit)
    const late = unindexed > 0 ? `\n\n${unindexed} messages of an import are not searched yet.` : ''
    if (shown.length === 0) return `Nothing else in this conversation matches ${JSON.stringify(query)}.${late}`
    const lines = shown.map(hit => hitLine(hit, head?.epoch))
    // Nobody knows any more whose text is in an epoch that is over.
    return {
      output: `${lines.join('\n')}${late}`,
      taints: shown.some(({ epoch }) => epoch !== null && epoch !== head?.epoch),
    }
  },
})

/** A run is in its conversation; whoever calls the tool directly may name any. */
async function mayRead({ runId, tokenId, scopesOf }: ToolContext): Promise<boolean> {
  return runId !== undefined || (await scopesOf(tokenId)).has('read')
}

async function questionOf({ store, runId }: ToolContext): Promise<{ epoch: number; seq: number } | undefined> {
  const run = runId === undefined ? undefined : await store.getRun(runId)
  return run && { epoch: run.epoch, seq: run.messageSeq }
}

function hitLine({ role, epoch, seq, timestamp, snippet }: SearchHit, current: number | undefined): string {
  const archived = epoch !== null && epoch !== current ? `, before reset ${epoch}` : ''
  const place = seq === null ? '' : ` #${seq}`
  return `${minuteOf(timestamp)} ${role}${place}${archived}: ${snippet}`
}
