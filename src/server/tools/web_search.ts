import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { foresee } from './network/foresee.ts'
import type { Engine, SearchSettings } from './search/engine.ts'
import { engineOf } from './search/engines.ts'
import { search, shownHits } from './search/search.ts'
import { defineTool } from './tool.ts'

const schema = z.strictObject({
  query: z.string().trim().min(1).max(400).describe('What to search for.'),
  limit: z.number().int().min(1).max(20).default(10).describe('Results at most.'),
})

export default defineTool({
  name: 'web_search',
  description: 'Searches the web and returns title, URL and a snippet of each result. web_fetch reads a page.',
  group: 'web',
  permission: 'network',
  schema,
  example: { query: 'SQLite write-ahead log', limit: 5 },
  taints: true,
  available: ({ config }) => {
    const engine = engineOf(config)
    return 'problem' in engine ? engine.problem : undefined
  },
  // Whatever is searched for, the same engine is asked.
  subject: () => 'search',
  async dryRun({ query, limit }, { config, network, signal }) {
    const engine = chosen(config)
    const { method = 'GET', url, configured } = engine.request(query, limit)
    const where = await foresee(network, { method, url, signal, ...(configured === undefined ? {} : { configured }) })
    return `${where}\nEngine: ${engine.name}`
  },
  async run({ query, limit }, { config, ...tools }) {
    const engine = chosen(config)
    return shownHits(await search(engine, query, limit, tools), engine.name, query)
  },
})

function chosen(config: SearchSettings): Engine {
  const engine = engineOf(config)
  if ('problem' in engine) throw new TalonError('FORBIDDEN', engine.problem)
  return engine
}
