// Not a string, so that no JSON and no spread of fields of the wire ever holds it by accident.
const text = Symbol('JSON')

/** A payload that many are answered with: frozen, and written as JSON once. */
export function writeOnce<Payload extends object>(payload: Payload): Payload {
  return Object.freeze(Object.defineProperty({ ...payload }, text, { value: JSON.stringify(payload) }))
}

/** The JSON of a payload. */
export function textOf(payload: object): string {
  // Only `writeOnce` knows the symbol.
  return (payload as { [text]?: string })[text] ?? JSON.stringify(payload)
}
