import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { waitingApprovals } from './parts/approvals.ts'
import { Time } from './parts/Time.tsx'

export interface AttentionProps {
  approvals: WaitingCall[]
  failed: FailedRun[]
  findings: DoctorFinding[] | 'unknown' | 'forbidden'
  /** Unix ms. */
  now: number
}

export interface WaitingCall {
  approvalId: string
  toolName: string
  reason: string
  requestedAt: number
}

export interface FailedRun {
  runId: string
  sessionId: string
  title: string | null
  error: string
  at: number
}

export interface DoctorFinding {
  id: string
  severity: 'warn' | 'error'
  title: string
  fix: string | null
}

// More than a person takes in at once; the links lead to all of them.
const shown = 4

/** What waits for a person: questions of tools, runs that failed, and what the doctor found. */
export default function Attention(props: AttentionProps): JSX.Element {
  const findings = useSignal(props.findings)
  useEffect(() => {
    if (props.findings === 'unknown') askDoctor().then(found => (findings.value = found))
  }, [])
  const waiting = waitingApprovals.value
  const approvals: WaitingCall[] = waiting ? [...waiting.values()] : props.approvals
  const found = typeof findings.value === 'string' ? [] : findings.value
  const isQuiet = approvals.length + props.failed.length + found.length === 0
  return (
    <section aria-labelledby="attention">
      <h2 id="attention" class="mb-3">
        Needs you
      </h2>
      <div class="card attention" aria-live="polite">
        {isQuiet && (
          <p class="px-5 py-6 text-sm text-muted">
            <span class="font-medium text-ink">Nothing.</span> Questions of tools, runs that fail and warnings of the
            doctor appear here.
          </p>
        )}
        <Group title="Waits for your approval" count={approvals.length} href="/tools/approvals">
          {approvals.slice(0, shown).map(({ approvalId, toolName, reason, requestedAt }) => (
            <Item key={approvalId} href="/tools/approvals" tone="warn" title={toolName} detail={reason}>
              <Time at={requestedAt} now={props.now} />
            </Item>
          ))}
        </Group>
        <Group title="Failed in the last day" count={props.failed.length} href="/logs?level=warn">
          {props.failed.slice(0, shown).map(({ runId, sessionId, title, error, at }) => (
            <Item
              key={runId}
              href={`/sessions/${encodeURIComponent(sessionId)}`}
              tone="danger"
              title={title ?? 'Untitled session'}
              detail={error}
            >
              <Time at={at} now={props.now} />
            </Item>
          ))}
        </Group>
        <Group title="Found by the doctor" count={found.length} href="/settings/about">
          {found.slice(0, shown).map(({ id, severity, title, fix }) => (
            <Item
              key={id}
              href="/settings/about"
              tone={severity === 'error' ? 'danger' : 'warn'}
              title={title}
              detail={fix}
            >
              {severity === 'error' ? 'Error' : 'Warning'}
            </Item>
          ))}
        </Group>
      </div>
    </section>
  )
}

function Group(input: { title: string; count: number; href: string; children: ComponentChildren }): JSX.Element | null {
  const { title, count, href, children } = input
  if (count === 0) return null
  return (
    <div>
      <h3 class="attention-head">
        {title} <span class="badge">{count}</span>
        {count > shown && <a href={href}>All</a>}
      </h3>
      <ul>{children}</ul>
    </div>
  )
}

function Item(input: {
  href: string
  tone: 'warn' | 'danger'
  title: string
  detail: string | null
  children: ComponentChildren
}): JSX.Element {
  const { href, tone, title, detail, children } = input
  return (
    <li class="attention-item">
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      <div class="min-w-0 flex-1">
        <a class="row-link whitespace-normal" href={href}>
          {title}
        </a>
        {detail && <p class="line-clamp-2 text-sm break-words text-muted">{detail}</p>}
      </div>
      <span class="shrink-0 text-xs text-muted">{children}</span>
    </li>
  )
}

/** The report takes a moment, for which the page did not wait. */
async function askDoctor(): Promise<DoctorFinding[]> {
  try {
    const answer = await fetch('/api/v1/doctor?offline')
    if (!answer.ok) return []
    // What `doctorFindings` of the server reads as well.
    const { findings } = (await answer.json()) as { findings: (DoctorFinding | { severity: 'ok' | 'info' })[] }
    return worst(findings)
  } catch {
    return []
  }
}

/** Errors first; what is well or only worth knowing is left out. */
export function worst(findings: readonly (DoctorFinding | { severity: 'ok' | 'info' })[]): DoctorFinding[] {
  return findings
    .filter((finding): finding is DoctorFinding => finding.severity === 'warn' || finding.severity === 'error')
    .map(({ id, severity, title, fix }) => ({ id, severity, title, fix }))
    .sort((a, b) => a.severity.localeCompare(b.severity))
}
