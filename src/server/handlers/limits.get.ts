import { type Answer, defineHandler } from '../dispatch.ts'
import type { App } from '../record.ts'

// Whoever is not among so many is not what somebody looks for.
const maxBusiest = 20

export const handler = defineHandler(
  'limits.get',
  async (app, { sessionId }, { tokenId, scopes, from, connection }) => ({
    enabled: app.limits.enabled(),
    limits: [
      ...app.limits.list({ tokenId, scopes, address: from.address }, sessionId),
      ...(connection?.limits() ?? []),
    ],
    ...(scopes.has('admin') && (await ofEverybody(app))),
  }),
)

async function ofEverybody({ limits, auth }: App): Promise<Pick<Answer<'limits.get'>, 'refused' | 'busiest'>> {
  const { refused } = limits.stats()
  const busiest = limits.busiest(maxBusiest)
  if (busiest.length === 0) return { refused, busiest: [] }
  const names = new Map((await auth.listTokens()).map(({ id, name }) => [id, name]))
  return { refused, busiest: busiest.map(bucket => ({ ...bucket, who: wordsFor(bucket.key, names) })) }
}

/** A key of a bucket, for a person: see `toolKey` for those with a word before the id. */
function wordsFor(key: string, names: ReadonlyMap<string, string>): string {
  const [, kind, id] = /^(session|token) (.+)$/.exec(key) ?? []
  if (kind === 'session') return `session ${id}`
  const name = names.get(id ?? key)
  if (name !== undefined) return `token “${name}”`
  return key.includes('.') || key.includes(':') ? `address ${key}` : `token ${id ?? key}`
}
