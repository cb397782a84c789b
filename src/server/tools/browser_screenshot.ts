import type { Page } from 'playwright-core'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { browserTimeoutMs, onPage, onWhich, openHost, whyNoBrowser } from './browser/page.ts'
import { viewport } from './browser/tab.ts'
import { within } from './browser/within.ts'
import { defineTool } from './tool.ts'

const maxBytes = 8 * 1_048_576
/** A picture of a longer page is one of its beginning. */
const maxHeight = 8_000
const shotTimeoutMs = 20_000
const lookTimeoutMs = 10_000

const schema = z.strictObject({
  fullPage: z.boolean().default(false).describe('Whether all of the page is in it, and not only what a window shows.'),
})

export default defineTool({
  name: 'browser_screenshot',
  description:
    'Takes a picture of the page that is open and keeps it as an attachment, which people see on the dashboard. It returns the name of the attachment, not the picture.',
  group: 'browser',
  permission: 'network',
  schema,
  example: { fullPage: true },
  timeoutMs: browserTimeoutMs,
  taints: true,
  available: whyNoBrowser,
  subject: (_args, asking) => openHost(asking),
  dryRun: (_args, context) => onWhich(context, 'take a picture'),
  run: ({ fullPage }, context) =>
    onPage(context, async tab => {
      const { attachments, sessionId, invocationId, clock, subject = 'page' } = context
      const { content, note } = await shoot(tab.page, fullPage)
      const day = new Date(clock.now())
        .toISOString()
        .replace(/\.\d+Z$/, 'Z')
        .replaceAll(':', '')
      const name = `${subject} ${day}.png`
      const kept = await attachments.add({ sessionId, invocationId, name, mime: 'image/png', content })
      const output = `A picture of ${tab.page.url().slice(0, 2_000)} was taken: ${content.length} bytes.${note}`
      return { output, attachments: [kept] }
    }),
})

async function shoot(page: Page, fullPage: boolean): Promise<{ content: Buffer; note: string }> {
  if (!fullPage) return { content: bounded(await windowOf(page)), note: '' }
  const height = await within(lookTimeoutMs, page.evaluate(heightOfPage))
  const clip = { x: 0, y: 0, width: viewport.width, height: Math.min(Math.max(1, Number(height) || 1), maxHeight) }
  const content = await page.screenshot({ fullPage: true, clip, timeout: shotTimeoutMs, animations: 'disabled' })
  if (content.length > maxBytes) {
    return { content: bounded(await windowOf(page)), note: ' Only of its beginning, because all of it is too large.' }
  }
  return { content, note: height > maxHeight ? ` Of its first ${maxHeight} of ${height} pixels.` : '' }
}

function windowOf(page: Page): Promise<Buffer> {
  return page.screenshot({ timeout: shotTimeoutMs, animations: 'disabled' })
}

/** Runs in the page. */
function heightOfPage(): number {
  return Math.ceil(document.documentElement.scrollHeight)
}

function bounded(content: Buffer): Buffer {
  if (content.length <= maxBytes) return content
  throw new TalonError('TOO_LARGE', `The picture has ${content.length} bytes, and ${maxBytes} are the most.`)
}
