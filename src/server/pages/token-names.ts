import type { App, Identity } from '../record.ts'

// More names than this nobody tells apart; the others are shown by their id.
const maxNames = 200

/** The names of tokens by their ids, for those who may list or judge them; nobody else learns what tokens there are. */
export async function tokenNames(app: App, { scopes }: Identity): Promise<Record<string, string>> {
  if (!scopes.has('admin') && !scopes.has('approve')) return {}
  const tokens = await app.auth.listTokens()
  return Object.fromEntries(tokens.slice(0, maxNames).map(({ id, name }) => [id, name]))
}
