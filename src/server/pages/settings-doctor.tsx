import type { JSX } from 'preact'
import { type Finding, groups, type Report, type Severity } from '../doctor.ts'

// Each has its word and its sign: no meaning is told by a colour alone.
const severities: Readonly<Record<Severity, { sign: string; word: string; tone: string }>> = {
  error: { sign: '✗', word: 'Error', tone: 'text-danger' },
  warn: { sign: '!', word: 'Warning', tone: 'text-warn' },
  info: { sign: '·', word: 'Note', tone: 'text-muted' },
  ok: { sign: '✓', word: 'Well', tone: 'text-ok' },
}

/** What the doctor found, the worst first, with what to do about it. */
export function DoctorReport({ report, when }: { report: Report; when: JSX.Element }): JSX.Element {
  const { counts, findings } = report
  const trouble = (['error', 'warn', 'info'] as const).flatMap(severity =>
    findings.filter(finding => finding.severity === severity),
  )
  const well = findings.filter(({ severity }) => severity === 'ok')
  return (
    <section class="mt-10" aria-labelledby="doctor">
      <div class="mb-3 flex flex-wrap items-end justify-between gap-x-4 gap-y-3">
        <div>
          <h2 id="doctor">Doctor</h2>
          <p class="text-sm text-muted">
            {counts.error === 0 ? 'No errors' : counted(counts.error, 'error')}, {counted(counts.warn, 'warning')},{' '}
            {counted(counts.info, 'note')}; {counts.ok} checks are well. Examined {when}.
          </p>
        </div>
        <RunAgain />
      </div>
      {trouble.length === 0 ? (
        <p class="card px-5 py-4">Nothing is wrong.</p>
      ) : (
        <ul class="card divide-y divide-line">
          {trouble.map((finding, at) => (
            <FindingRow key={`${finding.id} ${at}`} finding={finding} group={groups[finding.group]} />
          ))}
        </ul>
      )}
      {well.length > 0 && (
        <details class="card mt-3">
          <summary class="cursor-pointer px-5 py-3 text-sm font-medium">What is well ({well.length})</summary>
          <ul class="border-t border-line px-5 py-3 text-sm">
            {well.map(({ id, title, group }, at) => (
              <li key={`${id} ${at}`} class="py-0.5 break-words">
                <span class="text-ok" aria-hidden="true">
                  ✓
                </span>{' '}
                {title} <span class="text-muted">({groups[group]})</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  )
}

function RunAgain(): JSX.Element {
  return (
    <form method="post" action="/settings/about" class="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
      <input type="hidden" name="action" value="examine" />
      <label class="flex min-h-8 items-center gap-2">
        <input type="checkbox" name="providers" value="yes" checked /> Ask the providers
      </label>
      <label class="flex min-h-8 items-center gap-2">
        <input type="checkbox" name="full" value="yes" /> Read the whole database
      </label>
      <button type="submit" class="button">
        Run again
      </button>
    </form>
  )
}

function FindingRow({ finding, group }: { finding: Finding; group: string }): JSX.Element {
  const { sign, word, tone } = severities[finding.severity]
  return (
    <li class="flex gap-3 px-4 py-3.5 sm:px-5">
      <span class={`w-4 shrink-0 text-center font-semibold ${tone}`} aria-hidden="true">
        {sign}
      </span>
      <div class="min-w-0 flex-1">
        <p class="break-words">
          <span class={`font-medium ${tone}`}>{finding.risk ? `Risk ${finding.risk}` : word}:</span>{' '}
          <span class="font-medium">{finding.title}</span>
        </p>
        {finding.detail && <p class="mt-0.5 text-sm break-words text-muted">{finding.detail}</p>}
        {finding.fix && (
          <p class="mt-1 text-sm break-words">
            <span class="text-muted">What to do:</span> {finding.fix}
          </p>
        )}
        <p class="mt-1 text-xs text-muted">
          {group} · <code>{finding.id}</code>
        </p>
      </div>
    </li>
  )
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count === 0 ? 'no' : count} ${word}s`
}
