import type { JSX } from 'preact'
import { bytes } from '../../islands/dashboard/words.ts'
import { Time } from '../../islands/parts/Time.tsx'
import { duration } from '../../islands/times.ts'
import { errorPayload, TalonError } from '../../protocol/errors.ts'
import type { App, BackupFile, LastBackup } from '../record.ts'
import { type ActionContext, type ActionOutcome, definePage } from './page.ts'
import { NeedsAdmin } from './settings-form.tsx'
import { SettingsNav } from './settings-nav.tsx'
import { Table } from './table.tsx'

const columns = [
  ...['Backup', 'Made', 'Kind'].map(label => ({ label })),
  { label: 'Size', kind: 'number' },
  { label: 'What to do with it', kind: 'unseen' },
] as const

interface BackupsData {
  /** Undefined for whoever may not see them. */
  backups: BackupFile[] | undefined
  last: LastBackup | undefined
  everyHours: number | null
  keep: number
  now: number
}

const kinds: Record<BackupFile['kind'], string> = { auto: 'automatic', manual: 'by hand', upgrade: 'before an upgrade' }

export default definePage<BackupsData>({
  path: '/settings/backups',
  scope: 'read',
  title: () => 'Backups',
  async load(app, { identity, now }) {
    const mayLook = identity.scopes.has('admin')
    const { 'backup.everyHours': everyHours, 'backup.keep': keep } = app.config
    const [backups, last] = mayLook ? [app.backups.list(), app.backups.last()] : []
    return { backups, last, everyHours, keep, now }
  },
  view: data => <Backups {...data} />,
  actions: {
    create: { scope: 'admin', run: create },
    verify: { scope: 'admin', run: verify },
    delete: { scope: 'admin', run: remove },
  },
})

async function create(app: App, { actor }: ActionContext): Promise<ActionOutcome> {
  if (app.lifecycle.draining()) throw new TalonError('DRAINING', 'The gateway is shutting down.')
  try {
    const made = await app.backups.create()
    await app.audit.record({ action: 'backup.create', target: made.name, details: { bytes: made.bytes } }, actor)
    return { said: `Made the backup ${made.name} (${bytes(made.bytes)}).` }
  } catch (error) {
    const { code } = errorPayload(error)
    await app.audit.record({ action: 'backup.create', outcome: 'failed', details: { code } }, actor)
    throw error
  }
}

async function verify(app: App, { form }: ActionContext): Promise<ActionOutcome> {
  const name = form.get('name') ?? ''
  const { sessions, messages, schema } = await app.backups.verify(name)
  return {
    said: `${name} is whole: ${sessions.toLocaleString('en')} sessions, ${messages.toLocaleString('en')} messages, schema ${schema}.`,
  }
}

async function remove(app: App, { form, actor }: ActionContext): Promise<ActionOutcome> {
  const name = form.get('name') ?? ''
  app.backups.remove(name)
  await app.audit.record({ action: 'backup.delete', target: name }, actor)
  return { said: `Deleted the backup ${name}.` }
}

function Backups(data: BackupsData): JSX.Element {
  const { backups, last, now } = data
  return (
    <>
      <div class="page-head">
        <h1>Backups</h1>
        {backups && (
          <form method="post">
            <button type="submit" class="button button-primary" name="action" value="create">
              Back up now
            </button>
          </form>
        )}
      </div>
      <SettingsNav current="/settings/backups" />
      {!backups ? (
        <NeedsAdmin />
      ) : (
        <>
          <Schedule {...data} />
          {last && !last.ok && (
            <p class="alert alert-danger mb-5" role="alert">
              <span>
                The last backup failed <Time at={last.at} now={now} />: {last.error}
              </span>
            </p>
          )}
          {backups.length === 0 ? <Empty /> : <List backups={backups} now={now} />}
          <Restore name={backups[0]?.name} />
        </>
      )}
    </>
  )
}

function Schedule({ everyHours, keep, last, now }: BackupsData): JSX.Element {
  return (
    <p class="mb-5 max-w-prose text-muted">
      {everyHours === null
        ? 'No automatic backups are made. '
        : `One is made every ${everyHours === 1 ? 'hour' : `${everyHours} hours`}, and the newest ${keep} automatic ones are kept. `}
      <a href="/settings?q=backup">Change that</a>.
      {last?.ok && (
        <>
          {' '}
          The last one was made <Time at={last.at} now={now} />
          {last.durationMs !== null && ` in ${duration(last.durationMs)}`}.
        </>
      )}
    </p>
  )
}

function Empty(): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">No backup yet</p>
      <p>
        Press “Back up now”. It holds every session, token and setting of the database, and the gateway goes on
        meanwhile.
      </p>
    </div>
  )
}

function List({ backups, now }: { backups: BackupFile[]; now: number }): JSX.Element {
  return (
    <Table label="Backups, newest first" columns={columns}>
      <tbody>
        {backups.map(backup => (
          <Row key={backup.name} backup={backup} now={now} />
        ))}
      </tbody>
    </Table>
  )
}

function Row({ backup, now }: { backup: BackupFile; now: number }): JSX.Element {
  const { name, createdAt, kind, bytes: size, sha256 } = backup
  return (
    <tr>
      <th scope="row" class="min-w-52 break-all">
        {name}
        {sha256 === null && <span class="badge badge-warn ml-2">checksum missing</span>}
      </th>
      <td class="whitespace-nowrap">
        <Time at={createdAt} now={now} />
      </td>
      <td class="whitespace-nowrap">{kinds[kind]}</td>
      <td class="num">{bytes(size)}</td>
      <td>
        <form method="post" class="flex justify-end gap-1">
          <input type="hidden" name="name" value={name} />
          <a
            class="button button-quiet"
            href={`/api/v1/backups/${encodeURIComponent(name)}`}
            aria-label={`Download ${name}`}
          >
            Download
          </a>
          <button type="submit" class="button button-quiet" name="action" value="verify" aria-label={`Verify ${name}`}>
            Verify
          </button>
          <details class="confirm">
            <summary class="button button-quiet" aria-label={`Delete ${name}`}>
              Delete
            </summary>
            <button type="submit" class="button button-danger" name="action" value="delete">
              Delete for good
            </button>
          </details>
        </form>
      </td>
    </tr>
  )
}

function Restore({ name }: { name: string | undefined }): JSX.Element {
  return (
    <section class="mt-10 max-w-prose" aria-labelledby="restore">
      <h2 id="restore">To restore one</h2>
      <p class="mt-2 text-muted">
        Stop the gateway, then run this where it is installed. What the database holds now is kept beside it.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre class="code-box mt-3" tabIndex={0}>{`talon stop\ntalon restore ${name ?? '<backup>'}\ntalon start`}</pre>
    </section>
  )
}
