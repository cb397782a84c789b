import * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import { profiles, scopes } from '../../../protocol/shapes.ts'
import { requestKey } from '../../dispatch.ts'
import { actorAt, requireScope } from '../../http.ts'
import { createTokenAs, type NewToken } from '../../new-tokens.ts'
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
    requireScope(c, 'admin')
    const { caller, requestId } = asking(c)
    const parsed = newToken.safeParse(await body(c))
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      throw new TalonError('INVALID_MESSAGE', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not valid'}`)
    }
    const {
      id,
      token: secret,
      duplicate,
    } = await createTokenAs(app, caller, parsed.data, {
      by: actorAt(c),
      ...(requestId !== undefined && {
        requestFor: (token: NewToken) => requestKey('tokens.create', token, requestId, caller),
      }),
    })
    return c.json(duplicate ? { id, duplicate } : { id, token: secret }, 201)
  })
  http.delete('/api/v1/tokens/:id', async c => {
    requireScope(c, 'admin')
    const revoked = await app.auth.revokeToken(param(c, 'id'), actorAt(c))
    if (!revoked) throw new TalonError('NOT_FOUND', 'There is no such token.')
    return c.body(null, 204)
  })
}
