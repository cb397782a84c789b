/** What a provider's error says for itself, in the shapes that are about; '' for a web page or nothing readable. */
export function reasonIn(body: string, contentType: string): string {
  if (/html/i.test(contentType) || /^\s*</.test(body)) return ''
  try {
    return reasonOf(JSON.parse(body))
  } catch {
    return /json/i.test(contentType) ? '' : body
  }
}

/** The same for an error that is parsed already: `{error: {message}}`, `{error}`, `{message}`, `{detail}`. */
export function reasonOf(error: unknown): string {
  if (typeof error === 'string') return error
  if (typeof error !== 'object' || error === null) return ''
  if ('error' in error) return reasonOf(error.error)
  if ('message' in error && typeof error.message === 'string') return error.message
  if ('detail' in error && typeof error.detail === 'string') return error.detail
  return ''
}
