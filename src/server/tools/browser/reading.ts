import type { Page } from 'playwright-core'
import * as z from 'zod'
import { within } from './within.ts'

/** Something on a page that can be clicked or typed into. */
export interface Handle {
  selector: string
  kind: string
  label: string
}

/** What a page, or a part of it, shows. All of it is text of others. */
export interface PageText {
  title: string
  text: string
  totalChars: number
}

/** Chars of a page that are looked at; the rest is counted. */
const maxPageChars = 2_000_000
export const maxElements = 60
const maxLinks = 100
/** Elements that are looked at; a page with more has told enough. */
const maxScanned = 5_000
const lookTimeoutMs = 10_000

// A page can replace what these functions are made of: what comes back is checked like anything else that it says.
const handleSchema = z.object({
  selector: z.string().transform(cutTo(300)),
  kind: z.string().transform(cutTo(40)),
  label: z.string().transform(cutTo(120)),
})
const textSchema = z.object({ title: z.string().transform(cutTo(300)), text: z.string(), totalChars: z.number() })
const linkSchema = z.object({ label: z.string().transform(cutTo(200)), url: z.string().transform(cutTo(2_000)) })

/** Reads what a page shows, or the first element of a selector. @throws PageHangs */
export async function readText(page: Page, maxChars: number): Promise<PageText> {
  const limits = { maxChars, maxPageChars }
  const found = await within(lookTimeoutMs, page.evaluate(textOfPage, limits))
  const { title, text, totalChars } = textSchema.catch({ title: '', text: '', totalChars: 0 }).parse(found)
  return { title, text: text.slice(0, maxChars), totalChars }
}

/** What can be clicked or typed into, in the order of the page. */
export async function readHandles(page: Page): Promise<Handle[]> {
  const found = await within(lookTimeoutMs, page.evaluate(handlesOfPage, { maxElements, maxScanned }))
  return z.array(handleSchema).catch([]).parse(found).slice(0, maxElements)
}

/** Links of a page. */
export async function readLinks(page: Page): Promise<{ label: string; url: string }[]> {
  const found = await within(lookTimeoutMs, page.evaluate(linksOfPage, { maxLinks, maxScanned }))
  return z.array(linkSchema).catch([]).parse(found).slice(0, maxLinks)
}

/*
 * These run in the page: they are handed over as text, and know nothing of this file.
 */

function textOfPage({ maxChars, maxPageChars }: { maxChars: number; maxPageChars: number }) {
  const all = (document.body?.innerText ?? document.documentElement?.textContent ?? '').slice(0, maxPageChars)
  const text = all
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  return { title: document.title, text: text.slice(0, maxChars), totalChars: text.length }
}

function linksOfPage({ maxLinks, maxScanned }: { maxLinks: number; maxScanned: number }) {
  const links: { label: string; url: string }[] = []
  for (const link of [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].slice(0, maxScanned)) {
    if (links.length >= maxLinks) break
    if (/^https?:/.test(link.href)) links.push({ label: (link.innerText || '').trim(), url: link.href })
  }
  return links
}

function handlesOfPage({ maxElements, maxScanned }: { maxElements: number; maxScanned: number }) {
  const wanted =
    'a[href],button,input:not([type=hidden]),select,textarea,summary,[contenteditable=true],[onclick],' +
    '[role=button],[role=link],[role=checkbox],[role=radio],[role=tab],[role=menuitem],[role=option],[role=textbox]'
  const isUnique = (selector: string) => document.querySelectorAll(selector).length === 1
  const selectorOf = (element: Element): string => {
    if (element.id !== '' && isUnique(`#${CSS.escape(element.id)}`)) return `#${CSS.escape(element.id)}`
    for (const name of ['data-testid', 'name', 'aria-label', 'placeholder', 'href', 'title', 'value']) {
      const value = element.getAttribute(name)
      if (value === null || value === '' || value.length > 120 || /["\\\n]/.test(value)) continue
      const selector = `${element.localName}[${name}="${value}"]`
      if (isUnique(selector)) return selector
    }
    const parts: string[] = []
    for (let at: Element | null = element; at && at !== document.body && parts.length < 12; at = at.parentElement) {
      const { localName } = at
      const same = [...(at.parentElement?.children ?? [])].filter(other => other.localName === localName)
      parts.unshift(same.length > 1 ? `${localName}:nth-of-type(${same.indexOf(at) + 1})` : localName)
      if (isUnique(parts.join(' > '))) break
    }
    return parts.join(' > ')
  }
  const labelOf = (element: HTMLElement) => {
    const field = element instanceof HTMLInputElement ? element : undefined
    const shownValue = field && /^(button|submit|reset)$/.test(field.type) ? field.value : ''
    const words = [element.getAttribute('aria-label'), element.innerText, shownValue, field?.labels?.[0]?.innerText]
    const more = [element.getAttribute('placeholder'), element.title, element.querySelector('img')?.alt, field?.name]
    return ([...words, ...more].find(text => text && text.trim() !== '') ?? '').replace(/\s+/g, ' ').trim()
  }
  const handles: { selector: string; kind: string; label: string }[] = []
  for (const element of [...document.querySelectorAll<HTMLElement>(wanted)].slice(0, maxScanned)) {
    if (handles.length >= maxElements) break
    const { width, height } = element.getBoundingClientRect()
    if (width === 0 || height === 0 || getComputedStyle(element).visibility === 'hidden') continue
    const type = element instanceof HTMLInputElement ? ` ${element.type}` : ''
    handles.push({ selector: selectorOf(element), kind: `${element.localName}${type}`, label: labelOf(element) })
  }
  return handles
}

function cutTo(length: number): (text: string) => string {
  return text => (text.length > length ? `${text.slice(0, length)}…` : text)
}
