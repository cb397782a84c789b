import { TalonError } from '../../../protocol/errors.ts'

const maxWords = 400

/** What a browser throws, as a sentence that a model can act on. */
export function explained(error: unknown): TalonError {
  if (error instanceof TalonError) return error
  const text = messageOf(error)
  if (isTimeout(error)) return new TalonError('TIMEOUT', `It took too long. ${reasonIn(text)}`.trim())
  if (/Download is starting/.test(text)) {
    const advice = 'Read it with web_fetch, or have it with http_request.'
    return new TalonError('INVALID_MESSAGE', `That is a file to download and no page; nothing was stored. ${advice}`)
  }
  const failure = /net::(ERR_[A-Z_]+)(?: at (\S+))?/.exec(text)
  if (failure) {
    const [, name = '', url = 'It'] = failure
    return new TalonError('PROVIDER_ERROR', `${url.slice(0, 300)} could not be opened: ${words[name] ?? name}.`)
  }
  if (/has been closed|Target closed|Page crashed/.test(text)) {
    return new TalonError('TOOL_FAILED', 'The page is gone. Open it again with browser_navigate.')
  }
  if (/context was destroyed|not attached|detached|navigat/i.test(text)) {
    return new TalonError('TOOL_FAILED', 'The page changed meanwhile. Look at it again with browser_extract.')
  }
  return new TalonError('TOOL_FAILED', `The browser says: ${text.split('\n')[0]?.slice(0, maxWords) ?? 'nothing'}`)
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

const words: Readonly<Record<string, string>> = {
  ERR_TUNNEL_CONNECTION_FAILED: 'tools may not reach it, or nobody answers there',
  ERR_CONNECTION_CLOSED: 'the connection was closed before an answer came',
  ERR_EMPTY_RESPONSE: 'the connection was closed before an answer came',
  ERR_TOO_MANY_REDIRECTS: 'it redirects in a circle',
  ERR_UNSAFE_PORT: 'browsers refuse this port',
  ERR_ABORTED: 'the page broke the loading off',
  ERR_CERT_AUTHORITY_INVALID: 'its certificate is not to be trusted',
  ERR_CERT_DATE_INVALID: 'its certificate is past its time',
  ERR_CERT_COMMON_NAME_INVALID: 'its certificate is for another name',
}

/** Playwright tells in a log what it waited for; the last line is the reason. */
function reasonIn(text: string): string {
  const lines = text.split('\n').map(line =>
    line
      .replace(/\p{Cc}\[\d+m/gu, '')
      .replace(/^\s*-\s*/, '')
      .trim(),
  )
  const telling = lines.findLast(line =>
    /intercepts pointer events|not visible|not enabled|not stable|outside/.test(line),
  )
  return telling === undefined ? '' : `The browser says: ${telling.slice(0, maxWords)}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
