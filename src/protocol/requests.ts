import { approvalRequests } from './requests/approvals.ts'
import { channelRequests } from './requests/channel.ts'
import { configRequests } from './requests/config.ts'
import { connectionRequests } from './requests/connection.ts'
import { limitRequests } from './requests/limits.ts'
import { logRequests } from './requests/logs.ts'
import { metricRequests } from './requests/metrics.ts'
import type { RequestRow } from './requests/row.ts'
import { scheduleRequests } from './requests/schedules.ts'
import { sessionRequests } from './requests/session.ts'
import { toolRequests } from './requests/tools.ts'
import { usageRequests } from './requests/usage.ts'

export { acceptedSchema } from './requests/accepted.ts'
export type { RequestRow } from './requests/row.ts'

/** Everything that a client can ask, by its type on the wire. A new request is one entry in `requests/` and one handler file. */
export const requests = {
  ...connectionRequests,
  ...sessionRequests,
  ...toolRequests,
  ...approvalRequests,
  ...scheduleRequests,
  ...channelRequests,
  ...configRequests,
  ...limitRequests,
  ...logRequests,
  ...metricRequests,
  ...usageRequests,
} as const satisfies Record<string, RequestRow>
