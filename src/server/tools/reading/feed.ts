import { DOMParser } from 'linkedom'
import { plainText } from './plain-html.ts'

const maxItems = 100
const maxSummaryChars = 600

interface FeedText {
  title: string | undefined
  text: string
}

/** The items of RSS or Atom, one below the other; undefined if it is neither. */
export function readFeed(xml: string): FeedText | undefined {
  const feed = new DOMParser().parseFromString(xml, 'text/xml')
  const items: Item[] = [...feed.querySelectorAll('item, entry')]
  if (items.length === 0 && !/<(?:rss|feed|rdf:RDF)[\s>]/.test(xml.slice(0, 2_000))) return undefined
  const shown = items.slice(0, maxItems).map(itemText)
  const left = items.length - shown.length
  if (left > 0) shown.push(`[… ${left} more items …]`)
  const title = feed.querySelector('channel > title, feed > title')?.textContent
  return { title: title ? plainText(title) : undefined, text: shown.join('\n\n') || 'The feed has no items.' }
}

/** What is used of an element. */
interface Item {
  querySelector(selector: string): { textContent: string | null; getAttribute(name: string): string | null } | null
}

function itemText(item: Item): string {
  const text = (...names: string[]) =>
    plainText(names.map(name => item.querySelector(name)?.textContent ?? '').find(found => found.trim() !== '') ?? '')
  const link = item.querySelector('link')
  const url = link?.getAttribute('href') ?? link?.textContent?.trim() ?? ''
  const date = text('pubDate', 'published', 'updated')
  const summary = text('description', 'summary', 'content').slice(0, maxSummaryChars)
  const lines = [`## ${text('title') || 'Untitled'}`, [url, date].filter(part => part !== '').join(' · '), summary]
  return lines.filter(line => line !== '').join('\n')
}
