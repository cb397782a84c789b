import * as z from 'zod'
import { findElement } from './browser/element.ts'
import { browserTimeoutMs, excerptChars, onPage, onWhich, openHost, whyNoBrowser } from './browser/page.ts'
import { describe, settle } from './browser/visit.ts'
import { defineTool } from './tool.ts'

const actTimeoutMs = 8_000

const schema = z.strictObject({
  selector: z
    .string()
    .min(1)
    .max(1_000)
    .describe(
      'Selector of one element: CSS such as "#login", or its words as in "text=Sign in". browser_navigate and browser_extract name those there are.',
    ),
})

export default defineTool({
  name: 'browser_click',
  description: 'Clicks an element of the page that is open, and returns what the page shows then.',
  group: 'browser',
  permission: 'network',
  schema,
  example: { selector: 'text=Sign in' },
  timeoutMs: browserTimeoutMs,
  taints: true,
  available: whyNoBrowser,
  subject: (_args, asking) => openHost(asking),
  dryRun: ({ selector }, context) => onWhich(context, `click ${JSON.stringify(selector)}`),
  run: ({ selector }, context) =>
    onPage(context, async tab => {
      const element = await findElement(tab, selector, context.subject)
      await element.click({ timeout: actTimeoutMs })
      await settle(tab)
      return await describe(tab, { maxChars: excerptChars })
    }),
})
