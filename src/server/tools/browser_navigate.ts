import * as z from 'zod'
import { browserTimeoutMs, excerptChars, onAnyPage, whyNoBrowser } from './browser/page.ts'
import { allowedUrl, describe, visit } from './browser/visit.ts'
import { foresee, subjectOf } from './network/foresee.ts'
import { defineTool } from './tool.ts'

const schema = z.strictObject({
  url: z.string().max(8_192).describe('A whole URL, http or https.'),
})

export default defineTool({
  name: 'browser_navigate',
  description:
    'Opens a page in a real browser, with its scripts, and returns its title, address and text, and what can be clicked or typed into, each with a selector for browser_click and browser_type. Use web_fetch for pages that need no script.',
  group: 'browser',
  permission: 'network',
  schema,
  example: { url: 'https://example.org/' },
  timeoutMs: browserTimeoutMs,
  taints: true,
  available: whyNoBrowser,
  subject: ({ url }) => subjectOf(url),
  dryRun: ({ url }, { network, signal }) => foresee(network, { method: 'GET', url, signal }),
  async run({ url }, context) {
    // Before anything is started for it.
    const target = await allowedUrl(url, context)
    return await onAnyPage(context, async tab => {
      const visited = await visit(tab, target)
      return await describe(tab, { maxChars: excerptChars, ...visited })
    })
  },
})
