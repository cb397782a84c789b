import type { TokenFacts } from '../../db/sqlite/inspect.ts'
import type { Audited, SecurityRow, Weakness } from './security.ts'
import { countText, namesText } from './words.ts'

const dayMs = 86_400_000
const idleMs = 90 * dayMs
// A token that was made for something is used soon.
const neverUsedMs = 30 * dayMs
const manyAdmins = 5
const minTokenLength = 32
// 32 random hexadecimal digits have some 14 different ones.
const minDifferent = 8

/** Who holds a token, for what and for how long. */
export const tokenRows: readonly SecurityRow[] = [
  {
    id: 'tokens.environment',
    fine: 'TALON_TOKEN, if it is set, cannot be guessed.',
    why: 'It may do everything. Whoever guesses it has the gateway and all that its tools reach.',
    look: ({ env }) => lookAtEnvironment(env['TALON_TOKEN'] ?? ''),
  },
  {
    id: 'tokens.unused',
    fine: 'Every token is in use.',
    why: 'A token that nobody misses can be lost or stolen without anybody noticing.',
    look: subject => lookAtUnused(subject),
  },
  {
    id: 'tokens.endless',
    fine: 'Every token ends at some time.',
    why: 'One that never ends works for whoever finds it in a backup, a script or a history years later.',
    look(subject) {
      // The one of the environment goes with its variable.
      const endless = workingTokens(subject).filter(({ id, expiresAt }) => id !== 'env' && expiresAt === null)
      if (endless.length === 0) return []
      const title = `${countText(endless.length, 'token')} without an end: ${namesOf(endless)}.`
      const fix = 'talon token create --name … --scope … --expires 90d, use that instead, and: talon token revoke <id>'
      return [{ risk: 'low', title, fix }]
    },
  },
  {
    id: 'tokens.admins',
    fine: 'Few tokens have the scope admin.',
    why: 'It lets its holder change settings, make tokens and read the log. Most programs need read and chat alone.',
    look(subject) {
      const admins = workingTokens(subject).filter(({ scopes }) => scopes.includes('admin'))
      if (admins.length <= manyAdmins) return []
      const title = `${countText(admins.length, 'token')} have the scope admin: ${namesOf(admins)}.`
      return [{ risk: 'medium', title, fix: 'talon token create --scope read,chat for each that needs no more.' }]
    },
  },
]

/** Tokens that open something now. */
function workingTokens({ database, now }: Audited): TokenFacts[] {
  return (database.tokens ?? []).filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
}

function lookAtEnvironment(token: string): Weakness[] {
  if (token === '') return []
  const fix = 'TALON_TOKEN=$(openssl rand -hex 32)'
  if (token.length < minTokenLength) {
    const title = `TALON_TOKEN has ${token.length} characters; a start refuses fewer than ${minTokenLength}.`
    return [{ risk: 'critical', title, fix }]
  }
  const different = new Set(token).size
  if (different >= minDifferent) return []
  return [{ risk: 'high', title: `TALON_TOKEN is made of ${different} different characters only.`, fix }]
}

function lookAtUnused(subject: Audited): Weakness[] {
  const { now } = subject
  const unused = workingTokens(subject).filter(({ id, createdAt, lastUsedAt }) => {
    if (id === 'env') return false
    return lastUsedAt === null ? now - createdAt > neverUsedMs : now - lastUsedAt > idleMs
  })
  const weaknessOf = (tokens: TokenFacts[], risk: Weakness['risk'], what: string): Weakness[] => {
    const [first] = tokens
    if (!first) return []
    const title = `${countText(tokens.length, what)} not used for long: ${namesOf(tokens)}.`
    return [{ risk, title, fix: `talon token revoke ${first.id}${tokens.length > 1 ? ', and so on' : ''}` }]
  }
  return [
    ...weaknessOf(
      unused.filter(({ scopes }) => scopes.includes('admin')),
      'medium',
      'admin token',
    ),
    ...weaknessOf(
      unused.filter(({ scopes }) => !scopes.includes('admin')),
      'low',
      'token',
    ),
  ]
}

function namesOf(tokens: readonly TokenFacts[]): string {
  return namesText(tokens.map(({ id, name }) => `${id} (${name})`))
}
