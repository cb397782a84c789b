import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { decode } from '../reading/charset.ts'
import { failure, jsonOf, usable } from './answer.ts'
import type { Endpoints, Engine, SearchSettings } from './engine.ts'

const ownEndpoints: Endpoints = {
  brave: 'https://api.search.brave.com/res/v1/web/search',
  tavily: 'https://api.tavily.com/search',
  duckduckgo: 'https://html.duckduckgo.com/html/',
}

/** Why nothing can be searched for. */
interface Unusable {
  problem: string
}

/** The engine that the settings choose. */
export function engineOf(settings: SearchSettings, endpoints: Endpoints = ownEndpoints): Engine | Unusable {
  const { searxngUrl, braveKey, tavilyKey } = {
    searxngUrl: settings['search.searxngUrl'],
    braveKey: settings['search.braveKey'],
    tavilyKey: settings['search.tavilyKey'],
  }
  const chosen = settings['search.provider']
  const isAuto = chosen === 'auto'
  if (chosen === 'off') return { problem: 'The setting search.provider is off.' }
  if (chosen === 'searxng' || (isAuto && searxngUrl !== null)) {
    return searxngUrl === null ? missing('search.searxngUrl') : searxng(searxngUrl)
  }
  if (chosen === 'brave' || (isAuto && braveKey !== '')) {
    return braveKey === '' ? missing('search.braveKey') : brave(braveKey, endpoints.brave)
  }
  if (chosen === 'tavily' || (isAuto && tavilyKey !== '')) {
    return tavilyKey === '' ? missing('search.tavilyKey') : tavily(tavilyKey, endpoints.tavily)
  }
  return duckduckgo(endpoints.duckduckgo)
}

function missing(setting: string): Unusable {
  return { problem: `The setting search.provider needs ${setting}, which is not set.` }
}

const text = z
  .string()
  .nullish()
  .transform(value => value ?? '')

const searxngAnswer = z.object({ results: z.array(z.object({ title: text, url: z.string(), content: text })) })

function searxng(base: string): Engine {
  const advice = 'Its JSON format has to be on: list json under search.formats of its settings.yml.'
  return {
    name: 'SearXNG',
    request: query => ({
      url: `${base.replace(/\/+$/, '')}/search?${new URLSearchParams({ q: query, format: 'json' })}`,
      headers: { accept: 'application/json' },
      configured: base,
    }),
    async read(answer, limit) {
      const { results } = jsonOf(answer, searxngAnswer, 'SearXNG', advice)
      return usable(
        results.map(({ title, url, content }) => ({ title, url, snippet: content })),
        limit,
      )
    },
  }
}

// Without any hit the member is not there.
const braveAnswer = z.object({
  type: z.literal('search'),
  web: z.object({ results: z.array(z.object({ title: text, url: z.string(), description: text })) }).nullish(),
})

function brave(key: string, endpoint: string): Engine {
  return {
    name: 'Brave Search',
    request: (query, limit) => ({
      url: `${endpoint}?${new URLSearchParams({ q: query, count: String(limit) })}`,
      headers: { accept: 'application/json', 'x-subscription-token': key },
    }),
    async read(answer, limit) {
      const { web } = jsonOf(answer, braveAnswer, 'Brave Search', 'Check the setting search.braveKey and its quota.')
      const results = web?.results ?? []
      return usable(
        results.map(({ title, url, description }) => ({ title, url, snippet: description })),
        limit,
      )
    },
  }
}

const tavilyAnswer = z.object({ results: z.array(z.object({ title: text, url: z.string(), content: text })) })

function tavily(key: string, endpoint: string): Engine {
  return {
    name: 'Tavily',
    request: (query, limit) => ({
      url: endpoint,
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, max_results: limit }),
    }),
    async read(answer, limit) {
      const { results } = jsonOf(answer, tavilyAnswer, 'Tavily', 'Check the setting search.tavilyKey and its quota.')
      return usable(
        results.map(({ title, url, content }) => ({ title, url, snippet: content })),
        limit,
      )
    },
  }
}

/** It answers programs with a riddle for people as soon as they ask often: then there are no results, and that is said. */
function duckduckgo(endpoint: string): Engine {
  const name = 'DuckDuckGo'
  const advice = 'Set up SearXNG, Brave or Tavily (search.provider) for searches that always work.'
  return {
    name,
    request: query => ({ url: `${endpoint}?${new URLSearchParams({ q: query })}`, headers: { accept: 'text/html' } }),
    async read({ status, body, headers }, limit, { reader, signal }) {
      if (status !== 200 && status !== 202) throw failure(name, status, advice)
      const page = await reader.results(decode(body, headers['content-type']), limit, signal)
      if (page.kind === 'results') return usable(page.hits, limit)
      if (page.kind === 'none') return []
      const why =
        page.kind === 'challenge' || status === 202 ? 'wants to see a person' : 'sent a page that cannot be read'
      throw new TalonError('PROVIDER_ERROR', `${name} ${why}, so that there are no results. ${advice}`)
    },
  }
}
