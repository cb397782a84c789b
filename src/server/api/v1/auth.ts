import { TalonError } from '../../../protocol/errors.ts'
import { clearSignInCookie, setSignInCookie } from '../../cookies.ts'
import { actorAt, fromOf, requireScope } from '../../http.ts'
import type { SignIn } from '../../record.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, body } from '../request.ts'

const maxCredentialLength = 512

export const routes: Routes = (http, app) => {
  http.post('/api/v1/auth/exchange', async c => {
    const signIn = await app.auth.exchangeCode(await credential(c, 'code'), fromOf(c))
    if (!signIn) {
      throw new TalonError(
        'UNAUTHENTICATED',
        'This link was used already or is older than 10 minutes. Get a new one with: talon login',
      )
    }
    return signedIn(c, signIn)
  })
  http.post('/api/v1/auth/token', async c => {
    const signIn = await app.auth.exchangeToken(await credential(c, 'token'), fromOf(c))
    if (!signIn) throw new TalonError('UNAUTHENTICATED', 'This token is not valid.')
    return signedIn(c, signIn)
  })
  http.post('/api/v1/auth/codes', async c => {
    const { tokenId } = requireScope(c, 'admin')
    const { code, expiresAt } = await app.auth.newCode(tokenId)
    await app.audit.record({ action: 'sign_in.link', details: { expiresAt } }, actorAt(c))
    return c.json({ code, url: `${new URL(c.req.url).origin}/login#code=${code}`, expiresAt }, 201)
  })
  http.post('/api/v1/auth/logout', async c => {
    const webSession = c.get('identity')?.webSession
    if (webSession !== undefined) await app.auth.signOut(webSession, actorAt(c))
    clearSignInCookie(c)
    return c.body(null, 204)
  })
}

async function credential(c: ApiContext, name: string): Promise<string> {
  const value = (await body(c))[name]
  if (typeof value === 'string' && value.length > 0 && value.length <= maxCredentialLength) return value
  throw new TalonError('INVALID_MESSAGE', `"${name}" must be a string of 1 to ${maxCredentialLength} characters.`)
}

function signedIn(c: ApiContext, signIn: SignIn): Response {
  setSignInCookie(c, signIn, c.req.header('origin')?.startsWith('https://') ?? false)
  return c.json({ scopes: [...signIn.identity.scopes], expiresAt: signIn.expiresAt })
}
