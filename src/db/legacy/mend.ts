/**
 * What can be read of JSON that ends in the middle: a text is kept as far as it goes, a member without its value is left
 * out. Undefined if nothing can be read.
 */
export function mend(text: string): unknown {
  try {
    return JSON.parse(mended(text))
  } catch {
    return undefined
  }
}

function mended(text: string): string {
  const closers: string[] = []
  // The longest beginning that is whole but for its closing brackets.
  let whole = { end: 0, closers: '' }
  let stringAt = -1
  let isKey = false
  let expectsKey = false
  const keep = (end: number) => {
    whole = { end, closers: closers.toReversed().join('') }
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (stringAt >= 0) {
      if (character === '\\') at += 1
      else if (character === '"') {
        stringAt = -1
        if (!isKey) keep(at + 1)
      }
    } else if (character === '"') {
      stringAt = at
      isKey = expectsKey
    } else if (character === '{' || character === '[') {
      closers.push(character === '{' ? '}' : ']')
      expectsKey = character === '{'
      keep(at + 1)
    } else if (character === '}' || character === ']') {
      closers.pop()
      keep(at + 1)
    } else if (character === ',') {
      // What stands before a comma is whole, a number too.
      keep(at)
      expectsKey = closers.at(-1) === '}'
    } else if (character === ':') expectsKey = false
  }
  if (stringAt < 0 || isKey) return text.slice(0, whole.end) + whole.closers
  return `${withoutCutEscape(text)}"${closers.toReversed().join('')}`
}

function withoutCutEscape(text: string): string {
  const cut = /(?<!\\)(?:\\\\)*(\\(?:u[\da-fA-F]{0,3})?)$/.exec(text)
  return cut?.[1] === undefined ? text : text.slice(0, -cut[1].length)
}
