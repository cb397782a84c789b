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
    .describe('Selector of one field, in CSS. browser_navigate and browser_extract name those there are.'),
  text: z.string().max(100_000).describe('What the field holds then; an empty text clears it.'),
  submit: z.boolean().default(false).describe('Whether Enter is pressed then.'),
})

export default defineTool({
  name: 'browser_type',
  description:
    'Fills in a field of the page that is open, in the place of what was in it, and returns what the page shows then.',
  group: 'browser',
  permission: 'network',
  schema,
  example: { selector: 'input[name="q"]', text: 'self-hosted gateway', submit: true },
  timeoutMs: browserTimeoutMs,
  taints: true,
  available: whyNoBrowser,
  subject: (_args, asking) => openHost(asking),
  dryRun: ({ selector, submit }, context) =>
    onWhich(context, `type into ${JSON.stringify(selector)}${submit ? ' and press Enter' : ''}`),
  run: ({ selector, text, submit }, context) =>
    onPage(context, async tab => {
      const element = await findElement(tab, selector, context.subject)
      await element.fill(text, { timeout: actTimeoutMs })
      if (submit) await element.press('Enter', { timeout: actTimeoutMs })
      await settle(tab)
      return await describe(tab, { maxChars: excerptChars })
    }),
})
