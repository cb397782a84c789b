import * as z from 'zod'
import type { Origin } from '../../../db/store.ts'
import type { ToolContext } from '../tool.ts'

/** Beside a text that was saved while text of others was in the conversation. */
export const outsideMark = '[from outside]'

/** A text as a database can hold it: no lone surrogates, no NUL, nothing but text at its ends. */
export function storedText(maxChars: number, minChars = 1) {
  return z
    .string()
    .max(maxChars)
    .overwrite(text => text.toWellFormed().replaceAll('\0', '\u{fffd}').trim())
    .min(minChars)
}

/** One line of text: a title, a tag, a category. */
export function storedLine(maxChars: number) {
  const line = (text: string) =>
    text
      .normalize('NFC')
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
  return storedText(maxChars).overwrite(line).min(1)
}

/** Where what a tool keeps comes from. What one run of a tool keeps, it keeps once. */
export function originOf({ sessionId, tainted, clock, invocationId }: ToolContext): Origin {
  const request = { tokenId: 'tools', requestId: `tool:${invocationId}`, hash: invocationId }
  return { sessionId: sessionId ?? null, tainted, at: clock.now(), request }
}

/** A moment for a model: to the minute, in UTC. */
export function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

/** A text behind its label: further lines are set in, so that none of them looks like another label. */
export function labelled(label: string, text: string): string {
  return `${label} ${text.replaceAll('\n', '\n  ')}`
}

export function cutText(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1).toWellFormed()}…`
}
