// Controls but tab and line feed, and what has no width or turns the direction of what follows.
const hidden = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/**
 * A text whose every character can be seen: those that would hide something, or show it in another order, as their number.
 * For what a person allows on sight.
 */
export function visible(text: string): string {
  return text.replaceAll(hidden, sign =>
    sign === '\n' || sign === '\t' ? sign : `\\u{${sign.codePointAt(0)?.toString(16) ?? ''}}`,
  )
}
