import type { JSX } from 'preact'
import type { AuditRow, AuditVerdict } from '../../db/store.ts'
import { Time } from '../../islands/parts/Time.tsx'
import { exactTime } from '../../islands/times.ts'
import { TalonError } from '../../protocol/errors.ts'
import { auditActions } from '../audit-actions.ts'
import type { App } from '../record.ts'
import { type ActionOutcome, definePage, type PageContext } from './page.ts'
import { NeedsAdmin } from './settings-form.tsx'
import { SettingsNav } from './settings-nav.tsx'

const pageSize = 50
const maxChars = 64
// A million entries take some seconds, in a thread of its own; somebody waits for this page.
const verifyTimeoutMs = 2 * 60_000

interface Filter {
  action: string
  who: string
}

interface AuditData {
  /** Undefined for whoever may not see them. */
  entries: AuditRow[] | undefined
  filter: Filter
  tokens: { id: string; name: string }[]
  next: string | undefined
  isFirst: boolean
  verdict: AuditVerdict | undefined
  now: number
}

export default definePage<AuditData>({
  path: '/settings/audit',
  scope: 'read',
  title: () => 'Audit trail',
  async load(app, context) {
    const { query, now, identity, sent } = context
    const filter = { action: textOf(query('action')), who: textOf(query('who')) }
    const before = beforeOf(context)
    const common = { filter, isFirst: before === undefined, now, verdict: sent?.shown as AuditVerdict | undefined } // What `verify` returns.
    if (!identity.scopes.has('admin')) return { ...common, entries: undefined, tokens: [], next: undefined }
    const asked = { before, limit: pageSize, action: filter.action || undefined, tokenId: filter.who || undefined }
    const [entries, tokens] = await Promise.all([app.store.listAudit(asked), app.auth.listTokens()])
    const last = entries.length === pageSize ? entries.at(-1) : undefined
    return { ...common, entries, tokens, next: last && addressOf(filter, last.seq) }
  },
  view: data => <Audit {...data} />,
  actions: { verify: { scope: 'admin', run: verify } },
})

function textOf(text: string | undefined): string {
  return (text ?? '').trim().slice(0, maxChars)
}

function beforeOf({ query }: PageContext): number | undefined {
  const text = query('before')
  if (text === undefined) return undefined
  const before = Number(text)
  if (Number.isSafeInteger(before) && before > 0) return before
  throw new TalonError('INVALID_MESSAGE', 'This address names no place in the trail.')
}

function addressOf({ action, who }: Filter, before?: number): string {
  const query = new URLSearchParams({
    ...(action !== '' && { action }),
    ...(who !== '' && { who }),
    ...(before !== undefined && { before: String(before) }),
  }).toString()
  return query === '' ? '/settings/audit' : `/settings/audit?${query}`
}

async function verify(app: App): Promise<ActionOutcome> {
  await app.audit.written()
  return { shown: await app.store.verifyAudit({}, { timeoutMs: verifyTimeoutMs }) }
}

function Audit(data: AuditData): JSX.Element {
  const { entries, filter, next, isFirst, verdict, now } = data
  return (
    <>
      <div class="page-head">
        <h1>Audit trail</h1>
        {entries && (
          <form method="post">
            <button type="submit" class="button" name="action" value="verify">
              Verify the chain
            </button>
          </form>
        )}
      </div>
      <SettingsNav current="/settings/audit" />
      {!entries ? (
        <NeedsAdmin />
      ) : (
        <>
          <p class="mb-5 max-w-prose text-muted">
            Who did what, from where. Each entry holds the hash of the one before it, so that none can be changed or
            left out unseen.
          </p>
          {verdict && <Verdict verdict={verdict} />}
          <FilterForm {...data} />
          {entries.length === 0 ? <Empty filter={filter} /> : <List entries={entries} now={now} />}
          <nav class="mt-5 flex gap-3" aria-label="Pages">
            {!isFirst && (
              <a class="button" href={addressOf(filter)}>
                Newest
              </a>
            )}
            {next !== undefined && (
              <a class="button" href={next} rel="next">
                Older
              </a>
            )}
          </nav>
        </>
      )}
    </>
  )
}

function Verdict({ verdict }: { verdict: AuditVerdict }): JSX.Element {
  const { ok, entries, head, fault } = verdict
  if (!ok) {
    return (
      <p class="alert alert-danger mb-5" role="alert">
        The chain is broken{fault?.seq ? ` at entry ${fault.seq}` : ''}: {fault?.reason} The{' '}
        {entries.toLocaleString('en')} entries before it are right.
      </p>
    )
  }
  return (
    <p class="alert mb-5" role="status">
      <span class="dot dot-ok" aria-hidden="true" />
      <span class="min-w-0">
        The chain is whole: {entries.toLocaleString('en')} entries. Note the hash of the newest, to hold later looks
        against it: <code class="break-all">{head.hash}</code>
      </span>
    </p>
  )
}

function FilterForm({ filter, tokens }: AuditData): JSX.Element {
  return (
    <search>
      <form class="filter" method="get" action="/settings/audit">
        <div class="flex-[1_1_12rem]">
          <label class="label" for="action">
            What
          </label>
          <select id="action" class="input" name="action">
            <option value="">Everything</option>
            {Object.keys(auditActions).map(action => (
              <option key={action} value={action} selected={action === filter.action}>
                {action}
              </option>
            ))}
          </select>
        </div>
        <div class="flex-[1_1_12rem]">
          <label class="label" for="who">
            Who
          </label>
          <select id="who" class="input" name="who">
            <option value="">Everybody</option>
            <option value="cli" selected={filter.who === 'cli'}>
              the command line
            </option>
            {tokens.map(({ id, name }) => (
              <option key={id} value={id} selected={id === filter.who}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <button type="submit" class="button">
          Filter
        </button>
        {(filter.action !== '' || filter.who !== '') && (
          <a class="button button-quiet" href="/settings/audit">
            Clear
          </a>
        )}
      </form>
    </search>
  )
}

function Empty({ filter }: { filter: Filter }): JSX.Element {
  const isFiltered = filter.action !== '' || filter.who !== ''
  return (
    <div class="card empty">
      <p class="font-medium text-ink">{isFiltered ? 'No entry matches' : 'No entries here'}</p>
      <p>
        <a href="/settings/audit">Show all entries</a>
      </p>
    </div>
  )
}

function List({ entries, now }: { entries: AuditRow[]; now: number }): JSX.Element {
  return (
    <ol class="card divide-y divide-line">
      {entries.map(entry => (
        <li key={entry.seq}>
          <Entry entry={entry} now={now} />
        </li>
      ))}
    </ol>
  )
}

function Entry({ entry, now }: { entry: AuditRow; now: number }): JSX.Element {
  const { seq, at, action, target, outcome, details, tokenId, tokenName, channel, address, hash } = entry
  const who = tokenName ?? tokenId ?? 'the gateway'
  const facts: [string, string][] = [
    ['Entry', String(seq)],
    ['Time', exactTime(at)],
    ['Who', tokenId === null ? who : `${who} (${tokenId})`],
    ['From', [channel, address].filter(Boolean).join(', ')],
    ...(target ? [['Of', target] as [string, string]] : []),
    ['Details', JSON.stringify(details ?? {})],
    ['Hash', hash],
  ]
  return (
    <details class="fold">
      <summary class="flex cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3 hover:bg-sunken sm:px-5">
        <span class="font-mono text-sm font-medium">{action}</span>
        {outcome !== 'ok' && <span class="badge badge-warn">{outcome}</span>}
        <span class="min-w-0 flex-1 truncate text-sm text-muted">{target}</span>
        <span class="text-sm text-muted">{who}</span>
        <span class="text-sm text-muted">
          <Time at={at} now={now} />
        </span>
      </summary>
      <dl class="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
