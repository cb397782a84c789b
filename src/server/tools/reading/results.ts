import { parse } from './html.ts'
import type { ResultsPage, SearchHit } from './reading.ts'

/** Reads DuckDuckGo's page of results, the one without scripts. What it cannot be sure of is no result. */
export function readResults(html: string, maxHits: number): ResultsPage {
  const page = parse(html)
  const hits: SearchHit[] = []
  for (const result of page.querySelectorAll('.result')) {
    const link = result.querySelector('a.result__a')
    const url = targetOf(link?.getAttribute('href') ?? '')
    const title = textOf(link)
    if (url === undefined || title === '' || result.classList.contains('result--ad')) continue
    hits.push({ title, url, snippet: textOf(result.querySelector('.result__snippet')) })
    if (hits.length >= maxHits) break
  }
  if (hits.length > 0) return { kind: 'results', hits }
  if (page.querySelector('.anomaly-modal__title, #challenge-form, .g-recaptcha, form[action*="anomaly"]')) {
    return { kind: 'challenge' }
  }
  return { kind: page.querySelector('.no-results, .result--no-result') ? 'none' : 'unreadable' }
}

/** Where a hit leads: the page links to itself with the target as a parameter. */
function targetOf(href: string): string | undefined {
  if (!URL.canParse(href, 'https://duckduckgo.com')) return undefined
  const link = new URL(href, 'https://duckduckgo.com')
  const isOwn = link.hostname === 'duckduckgo.com' || link.hostname.endsWith('.duckduckgo.com')
  const target = isOwn ? link.searchParams.get('uddg') : link.href
  if (target === null || !URL.canParse(target)) return undefined
  const url = new URL(target)
  // Advertisements lead over a page of its own.
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && !(url.hostname.endsWith('duckduckgo.com') && url.pathname === '/y.js') ? url.href : undefined
}

function textOf(element: { textContent: string | null } | null): string {
  return (element?.textContent ?? '').replace(/\s+/g, ' ').trim()
}
