import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'
import { toMarkdown } from './markdown.ts'

export interface HtmlText {
  title: string | undefined
  byline: string | undefined
  published: string | undefined
  markdown: string
  /** Whether there is next to nothing but programs that would make the page. */
  scripted: boolean
}

type Page = ReturnType<typeof parseHTML>['document']

/** An article shorter than this part of its page is one story of many: the whole page says more. */
const minArticlePart = 0.2
/** Text of a page that is made by its scripts is a line that asks for JavaScript. */
const maxScriptedChars = 300
/** What an article says of itself for search engines: a script that is none. */
const described = 'script[type="application/ld+json"]'
const clutter =
  'style,noscript,template,svg,canvas,iframe,object,embed,nav,footer,form,button,select,input,dialog,[hidden],[aria-hidden="true"],[role="navigation"]'

/** The readable part of a page as Markdown; where there is no such part, all of it without menus. */
export function readHtml(html: string, url: string): HtmlText {
  const page = parse(html)
  const base = baseOf(page, url)
  const published = dateOf(page)
  const title = trimmed(page.title)
  const scripts = page.querySelectorAll('script').length
  removeClutter(page)
  // What finds the article changes its document, so what is needed of it else is taken before.
  const whole = page.body?.innerHTML ?? ''
  const wholeChars = visibleChars(page)
  const article = new Readability(page as unknown as Document, { charThreshold: 200 }).parse() // The same interface, by another library.
  const articleChars = trimmed(article?.textContent)?.length ?? 0
  const isArticle = articleChars > 0 && articleChars >= wholeChars * minArticlePart
  return {
    title: trimmed(article?.title) ?? title,
    byline: trimmed(article?.byline),
    published: trimmed(article?.publishedTime) ?? published,
    markdown: toMarkdown((isArticle && article?.content) || whole, base),
    scripted: scripts > 0 && Math.max(articleChars, wholeChars) < maxScriptedChars,
  }
}

/** A document of any HTML, also of a part of a page. */
export function parse(html: string): Page {
  const isWhole = /<html[\s>]/i.test(html) && /<body[\s>]/i.test(html)
  return parseHTML(isWhole ? html : `<!doctype html><html><head></head><body>${html}</body></html>`).document
}

function removeClutter(page: Page): void {
  for (const script of page.querySelectorAll('script')) if (!script.matches(described)) script.remove()
  for (const element of page.querySelectorAll(clutter)) element.remove()
}

function visibleChars(page: Page): number {
  const own = [...page.querySelectorAll(`body ${described}`)].reduce(
    (sum, { textContent }) => sum + (textContent?.length ?? 0),
    0,
  )
  return (trimmed(page.body?.textContent)?.length ?? 0) - own
}

function baseOf(page: Page, url: string): string {
  const base = page.querySelector('base[href]')?.getAttribute('href') ?? ''
  return URL.canParse(base, url) ? new URL(base, url).href : url
}

function dateOf(page: Page): string | undefined {
  const meta = page.querySelector(
    'meta[property="article:published_time"],meta[name="date"],meta[itemprop="datePublished"]',
  )
  return (
    trimmed(meta?.getAttribute('content')) ?? trimmed(page.querySelector('time[datetime]')?.getAttribute('datetime'))
  )
}

function trimmed(text: string | null | undefined): string | undefined {
  const plain = (text ?? '').replace(/\s+/g, ' ').trim()
  return plain === '' ? undefined : plain
}
