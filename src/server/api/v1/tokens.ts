import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { type Profile, profiles, scopes } from '../../../protocol/shapes.ts'
import { requestKey } from '../../dispatch.ts'
import { actorAt, requireScope } from '../../http.ts'
import { lowerProfile } from '../../profiles.ts'
import type { App } from '../../record.ts'
import type { Routes } from '../mount.ts'
import { asking, body, param } from '../request.ts'

const newToken = z.object({
  name: z.string().trim().min(1).max(100),
  scopes: z.array(z.enum(scopes)).min(1),
  profile: z.enum(profiles).optional(),
  expiresAt: z.number().int().positive().optional(),
})

export const routes: Routes = (http, app) => {
  http.get('/api/v1/tokens', async c => {
    requireScope(c, 'admin')
    return c.json({ tokens: await app.auth.listTokens() })
  })
  http.post('/api/v1/tokens', async c => {
    const { scopes: own } = requireScope(c, 'admin')
    const { caller, requestId } = asking(c)
    const parsed = newToken.safeParse(await body(c))
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      throw new TalonError('INVALID_MESSAGE', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
    }
    const { name, expiresAt, scopes: wanted } = parsed.data
    const profile = await profileFor(app, caller.tokenId, parsed.data.profile)
    if (expiresAt !== undefined && expiresAt <= app.clock.now()) {
      throw new TalonError('INVALID_MESSAGE', 'expiresAt: must lie in the future, in Unix milliseconds.')
    }
    // Nobody hands out more than they hold.
    const missing = wanted.find(scope => !own.has(scope))
    if (missing) throw new TalonError('FORBIDDEN', `Your own token lacks the scope "${missing}".`)
    const token = { name, scopes: [...new Set(wanted)], expiresAt, ...(profile && { profile }) }
    const request = requestId === undefined ? undefined : requestKey('tokens.create', token, requestId, caller)
    const { id, token: secret, duplicate } = await app.auth.createToken({ ...token, request, by: actorAt(c) })
    return c.json(duplicate ? { id, duplicate } : { id, token: secret }, 201)
  })
  http.delete('/api/v1/tokens/:id', async c => {
    requireScope(c, 'admin')
    const revoked = await app.auth.revokeToken(param(c, 'id'), actorAt(c))
    if (!revoked) throw new TalonError('NOT_FOUND', 'There is no such token.')
    return c.body(null, 204)
  })
}

/** A token with a bound on what tools may do for it hands that bound on. @throws TalonError `FORBIDDEN` for a higher one */
async function profileFor(app: App, tokenId: string, wanted: Profile | undefined): Promise<Profile | undefined> {
  const own = await app.auth.profileOf(tokenId)
  if (wanted === undefined) return own === 'full' ? undefined : own
  if (lowerProfile(wanted, own) === wanted) return wanted
  throw new TalonError('FORBIDDEN', `Your own token has the profile "${own}", which is below "${wanted}".`)
}
