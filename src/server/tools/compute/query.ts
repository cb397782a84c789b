import { search } from '@jmespath-community/jmespath'

/** What an expression of JMESPath finds in a document, as JSON. @throws Error in words for either that cannot be used */
export function query(json: string | Uint8Array, expression: string, maxChars: number): string {
  const found = search(parse(json), expression)
  const text = JSON.stringify(found, null, 2) ?? 'null'
  return text.length <= maxChars ? text : `${text.slice(0, maxChars)}\n[… ${text.length - maxChars} characters cut …]`
}

type Json = Parameters<typeof search>[0]

function parse(json: string | Uint8Array): Json {
  try {
    // What JSON.parse gives is JSON.
    return JSON.parse(typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json)) as Json
  } catch (error) {
    throw new Error(`It is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
