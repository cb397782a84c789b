import { TalonError } from '../../../protocol/errors.ts'

/** Whether a page is of the web. A browser has others, such as the empty one that it begins with, and those that say what failed. */
export function isOfWeb(url: string): boolean {
  return /^https?:/.test(url)
}

export function noPage(): TalonError {
  return new TalonError('NOT_FOUND', 'There is no page open. Open one with browser_navigate.')
}
