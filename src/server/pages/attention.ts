import { setTimeout as delay } from 'node:timers/promises'
import { type AttentionProps, type DoctorFinding, type FailedRun, worst } from '../../islands/Attention.tsx'
import type { App } from '../record.ts'
import type { PageContext } from './page.ts'

const dayMs = 24 * 60 * 60_000
const maxFailed = 20
// The report takes some tenths of a second unless somebody has just asked for it; the page can do without, and asks later.
const doctorMs = 150

/** What waits for a person, as far as whoever looks may know it. */
export async function loadAttention(app: App, context: PageContext): Promise<AttentionProps> {
  const [approvals, failed, findings] = await Promise.all([
    loadApprovals(context),
    loadFailed(app, context.now),
    loadFindings(app, context),
  ])
  return { approvals, failed, findings, now: context.now }
}

async function loadApprovals({ identity, ask }: PageContext): Promise<AttentionProps['approvals']> {
  if (!identity.scopes.has('approve')) return []
  const { approvals } = await ask('approval.list', {})
  return approvals.map(({ approvalId, toolName, reason, requestedAt }) => ({
    approvalId,
    toolName,
    reason,
    requestedAt,
  }))
}

async function loadFailed(app: App, now: number): Promise<FailedRun[]> {
  const runs = await app.store.listFailedRuns({ since: now - dayMs, limit: maxFailed })
  const told = runs.map(async ({ id, sessionId, error, finishedAt }): Promise<FailedRun[]> => {
    const session = await app.store.getSession(sessionId)
    if (!session) return []
    return [{ runId: id, sessionId, title: session.title, error: error ?? '', at: finishedAt ?? now }]
  })
  return (await Promise.all(told)).flat()
}

async function loadFindings(app: App, { identity }: PageContext): Promise<DoctorFinding[] | 'unknown' | 'forbidden'> {
  if (!identity.scopes.has('admin')) return 'forbidden'
  const report = app.doctor.report({ offline: true })
  // Whoever asks later gets the same report; here nobody may be left to hear that it failed.
  report.catch(() => undefined)
  const found = await Promise.race([report, delay(doctorMs, undefined)])
  return found ? worst(found.findings as Parameters<typeof worst>[0]) : 'unknown'
}
