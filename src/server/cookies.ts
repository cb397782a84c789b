import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { SignIn } from './record.ts'

export const themes = ['light', 'dark', 'system'] as const
export type Theme = (typeof themes)[number]

/** Name of the cookie that a signed-in browser carries. */
export const cookieName = 'talon_session'

const themeName = 'talon_theme'
const welcomeName = 'talon_welcome'
const yearSeconds = 31_536_000

const saidName = 'talon_said'
const saidSeconds = 60
// Browsers keep 4 KB of a cookie, in which a letter may take nine bytes.
const maxSaidChars = 300
const saidOptions = { path: '/', httpOnly: true, sameSite: 'Strict' } as const

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

/** Keeps what the next page is to say: in a cookie, because a sentence in an address could be written by anybody. */
export function keepSaid(c: Context, text: string): void {
  const kept = text.length > maxSaidChars ? `${text.slice(0, maxSaidChars)}…` : text
  // A cookie takes no half of a sign, which the cut may leave.
  setCookie(c, saidName, kept.toWellFormed(), {
    ...saidOptions,
    maxAge: saidSeconds,
  })
}

/** What the page before left to be said, once. */
export function takeSaid(c: Context): string | undefined {
  const text = getCookie(c, saidName)
  if (text !== undefined) deleteCookie(c, saidName, saidOptions)
  return text
}

/** The colours that this browser wants. */
export function themeOf(c: Context): Theme {
  const theme = getCookie(c, themeName)
  return themes.find(name => name === theme) ?? 'system'
}

/** Keeps them for a year. It is sent from other sites too, so that a link to us shows no flash of the other colours. */
export function keepTheme(c: Context, theme: Theme): void {
  setCookie(c, themeName, theme, { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: yearSeconds })
}

/** Whether this browser shows the first steps. */
export function wantsWelcome(c: Context): boolean {
  return getCookie(c, welcomeName) !== 'hidden'
}

/** Puts the first steps away for a year. */
export function hideWelcome(c: Context): void {
  setCookie(c, welcomeName, 'hidden', { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: yearSeconds })
}
