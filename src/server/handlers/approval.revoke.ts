import { TalonError } from '../../protocol/errors.ts'
import { actorOf } from '../actors.ts'
import { defineHandler } from '../dispatch.ts'
import { keptOnce } from '../kept-once.ts'

export const handler = defineHandler('approval.revoke', (app, { grantId }, call) =>
  keptOnce(app, call, async () => {
    if (!(await app.approvals.revoke(grantId, actorOf(call)))) {
      throw new TalonError('NOT_FOUND', 'There is no such grant (any more).')
    }
    return { grantId }
  }),
)
