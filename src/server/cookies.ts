import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { SignIn } from './record.ts'

/** Name of the cookie that a signed-in browser carries. */
export const cookieName = 'talon_session'

/** Signs a browser in: not readable by scripts, not sent from other sites. */
export function setSignInCookie(c: Context, signIn: SignIn, secure: boolean): void {
  setCookie(c, cookieName, signIn.secret, {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    secure,
    expires: new Date(signIn.expiresAt),
  })
}

export function clearSignInCookie(c: Context): void {
  deleteCookie(c, cookieName, { path: '/', httpOnly: true, sameSite: 'Strict' })
}

/** The secret in the cookie of an HTTP request. */
export function signInCookie(c: Context): string | undefined {
  return getCookie(c, cookieName)
}

/** The secret in a `Cookie` header, for an upgrade, which passes no middleware. */
export function cookieOf(header: string | undefined): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const [name, value] = pair.trim().split('=', 2)
    if (name === cookieName && value) return value
  }
  return undefined
}
