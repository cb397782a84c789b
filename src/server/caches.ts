import type { Store } from '../db/store.ts'
import type { Session } from '../protocol/shapes.ts'
import { type CacheStats, createCache, freeze } from './cache.ts'
import { type Counts, cachedStore } from './cached-store.ts'
import type { Config } from './config.ts'
import type { Clock, Tools } from './record.ts'
import { writeOnce } from './written.ts'

export type { CacheStats }

export interface GatewayCaches {
  /** One row per cache; none if `cache.enabled` is off. */
  stats(): CacheStats[]
  /** The same store, with what is asked for most answered from memory. */
  store(store: Store): Store
  /** The same tools, with their definitions made and written once. */
  tools(tools: Tools): Tools
  /** To be called where a definition changed, such as whether a tool is switched off. */
  forgetTools(): void
}

// A session's configuration and summary have no bound of their own: 10,000 of ordinary ones take a twentieth of this.
const maxSessionChars = 64 * 1024 * 1024
// Beyond it, to read one again costs little beside to send it.
const maxCharsOfOne = 512 * 1024
// What the other columns of a session take, about.
const fixedChars = 500

/** The caches of one gateway; each is corrected by whoever changes what it holds, and forgets it in time all the same. */
export function createCaches({ config, clock }: { config: Config; clock: Clock }): GatewayCaches {
  if (config['cache.enabled'] === 'off') {
    return { stats: () => [], store: store => store, tools: tools => tools, forgetTools: () => undefined }
  }
  const sessions = createCache<Session>({
    name: 'sessions',
    max: config['cache.sessions'],
    ttlMs: config['cache.sessionTtlMs'],
    clock,
    text: { maxChars: maxSessionChars, maxCharsOfOne, charsOf },
  })
  const definitions = createCache<ReturnType<Tools['listing']>>({
    name: 'tools',
    max: 1,
    ttlMs: config['cache.toolTtlMs'],
    clock,
  })
  const counts = createCache<Counts>({ name: 'status', max: 1, ttlMs: config['cache.statusTtlMs'], clock })
  return {
    stats: () => [sessions, definitions, counts].map(cache => cache.stats()),
    store: store => cachedStore(store, { sessions, counts }),
    forgetTools: () => definitions.clear(),
    tools(tools) {
      const listing = () => {
        const known = definitions.find('tools')
        if (known) return known
        const made = writeOnce(freeze(tools.listing()))
        definitions.set('tools', made)
        return made
      }
      return { ...tools, listing, list: () => listing().tools }
    },
  }
}

function charsOf({ memorySummary, config }: Session): number {
  const isPlain = Object.keys(config).length === 0
  return fixedChars + (memorySummary?.length ?? 0) + (isPlain ? 0 : JSON.stringify(config).length)
}
