import type { Locator, Page } from 'playwright-core'
import type { Profile } from '../../src/protocol/shapes.ts'
import type { Dashboard } from './dashboard.ts'

/** What tests of conversations do again and again. */
export interface Talk {
  /** A new session; its id. */
  begin(title: string, profile?: Profile): Promise<string>
  /** The same, looked at by a browser that is signed in. */
  open(title: string, profile?: Profile): Promise<{ page: Page; sessionId: string }>
  /** Writes a message and sends it. */
  say(page: Page, text: string): Promise<void>
  /** Where a message is written. */
  field(page: Page): Locator
  answers(page: Page): Locator
  cards(page: Page): Locator
}

export function talkAt(dashboard: () => Dashboard): Talk {
  const field = (page: Page) => page.getByLabel('Message', { exact: true })
  const begin: Talk['begin'] = async (title, profile) => {
    const asked = { senderId: 'anna', channel: 'cli', title, ...(profile && { profile }) }
    return (await dashboard().client.request('session.create', asked)).sessionId
  }
  return {
    begin,
    async open(title, profile) {
      const sessionId = await begin(title, profile)
      return { sessionId, page: await dashboard().signedIn(`/sessions/${sessionId}`) }
    },
    async say(page, text) {
      await field(page).fill(text)
      await page.keyboard.press('Enter')
    },
    field,
    answers: page => page.getByRole('log').getByLabel('Message of the assistant'),
    cards: page => page.locator('details.tool'),
  }
}
