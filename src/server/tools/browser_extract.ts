import * as z from 'zod'
import { findElement } from './browser/element.ts'
import { browserTimeoutMs, onPage, onWhich, openHost, whyNoBrowser } from './browser/page.ts'
import { readLinks } from './browser/reading.ts'
import { describe, settle } from './browser/visit.ts'
import { within } from './browser/within.ts'
import { defineTool } from './tool.ts'

const lookTimeoutMs = 10_000

const schema = z.strictObject({
  selector: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .describe('Selector of one element, in CSS; the whole page where it is left out.'),
  maxChars: z.number().int().min(100).max(200_000).default(20_000).describe('Characters of text to return at most.'),
})

export default defineTool({
  name: 'browser_extract',
  description:
    'Returns the text of the page that is open as it is now, with its links and what can be clicked, or the text of one element of it.',
  group: 'browser',
  permission: 'network',
  schema,
  example: { selector: 'main' },
  timeoutMs: browserTimeoutMs,
  taints: true,
  available: whyNoBrowser,
  subject: (_args, asking) => openHost(asking),
  dryRun: ({ selector = 'all of it' }, context) => onWhich(context, `read ${JSON.stringify(selector)}`),
  run: ({ selector, maxChars }, context) =>
    onPage(context, async tab => {
      await settle(tab)
      if (selector === undefined) {
        const page = await describe(tab, { maxChars })
        const links = await readLinks(tab.page)
        if (links.length === 0) return page
        return `${page}\n\nLinks:\n${links.map(({ label, url }) => `- ${JSON.stringify(label)}: ${url}`).join('\n')}`
      }
      const element = await findElement(tab, selector, context.subject)
      const text = await within(lookTimeoutMs, element.innerText())
      const left = text.length - maxChars
      return left > 0 ? `${text.slice(0, maxChars)}\n[… ${left} more characters …]` : text || '[There is no text.]'
    }),
})
