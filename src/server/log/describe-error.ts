// An error of an error of an error; what is below says nothing more.
const maxCauses = 4
const maxErrors = 5

/**
 * What a line tells of an error: never its other fields, because libraries keep whole requests in theirs, with what
 * people wrote and with the headers that carry keys.
 */
export function describeError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return thrown
  const { message, stack, cause } = thrown
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {}
  const type = thrown.constructor?.name || thrown.name
  const inner = depth < maxCauses && cause !== undefined ? { cause: describeError(cause, depth + 1) } : {}
  return { type, message, ...code, stack, ...inner, ...several(thrown, depth) }
}

/** Such as the tries of all addresses of a host, of which the error itself says nothing. */
function several(thrown: Error, depth: number): { errors?: unknown[] } {
  if (!(thrown instanceof AggregateError) || depth >= maxCauses) return {}
  return { errors: thrown.errors.slice(0, maxErrors).map(error => describeError(error, depth + 1)) }
}
