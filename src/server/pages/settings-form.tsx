import type { JSX } from 'preact'
import SettingsChanges from '../../islands/SettingsChanges.tsx'
import { matches, type SettingsFilterState } from '../../islands/settings/matches.ts'
import { textOf } from '../../islands/settings/values.ts'
import { Island } from './island.tsx'
import type { Draft } from './settings-draft.ts'
import { type RowProps, SettingRow, secretFormId, settingsFormId } from './settings-row.tsx'
import { isEditable, type SettingView, shownValue } from './settings-views.ts'

export interface EditProps {
  hash: string
  views: SettingView[]
  /** What was entered before, which was not saved. */
  draft: Draft | undefined
  filter: SettingsFilterState
}

const titles: Readonly<Record<string, string>> = {
  auth: 'Sign-in',
  backup: 'Backups',
  budget: 'Budgets',
  log: 'Log',
  search: 'Web search',
}

/** Every setting by its section, in one form that leads to a review. */
export function SettingsForm({ hash, views, draft, filter }: EditProps): JSX.Element {
  const rows = views.map(view => rowOf(view, draft, filter))
  const sections = [...new Set(views.map(({ section }) => section))]
  const problems = draft?.problems.size ?? 0
  return (
    <div class="settings">
      <nav class="settings-index" aria-label="Sections">
        {sections.map(section => (
          <a key={section} href={`#section-${section}`}>
            {titleOf(section)}
          </a>
        ))}
      </nav>
      <form id={settingsFormId} method="post" action="/settings" noValidate class="min-w-0 flex-1">
        <input type="hidden" name="action" value="review" />
        <input type="hidden" name="hash" value={hash} />
        <input type="hidden" name="base" value={JSON.stringify(baseOf(views, draft))} />
        {problems > 0 && (
          <p class="alert alert-danger mb-5" role="alert">
            {problems === 1 ? 'One value cannot' : `${problems} values cannot`} be used. The reason is said below it.
          </p>
        )}
        {sections.map(section => (
          <Section key={section} name={section} rows={rows.filter(({ view }) => view.section === section)} />
        ))}
        <p class="empty hidden" data-nothing>
          No setting matches.
        </p>
        <Island name="SettingsChanges" of={SettingsChanges} props={{ form: settingsFormId, hash }} class="contents" />
      </form>
      {views
        .filter(({ secret, fixedBy }) => secret && fixedBy === undefined)
        .map(({ key }) => (
          <form key={key} id={secretFormId(key)} method="post" action="/settings" hidden>
            <input type="hidden" name="action" value="secret" />
            <input type="hidden" name="key" value={key} />
          </form>
        ))}
    </div>
  )
}

function Section({ name, rows }: { name: string; rows: RowProps[] }): JSX.Element {
  const title = titleOf(name)
  return (
    <section class="mb-8" aria-labelledby={`section-${name}`} hidden={rows.every(row => row.hidden)}>
      <h2 id={`section-${name}`} class="mb-2 scroll-mt-20">
        {title}
      </h2>
      <div class="card overflow-clip">
        {rows.map(row => (
          <SettingRow key={row.view.key} {...row} />
        ))}
      </div>
    </section>
  )
}

function rowOf(view: SettingView, draft: Draft | undefined, filter: SettingsFilterState): RowProps {
  const { key, field, value, source, restartRequired, doc } = view
  const text = draft?.texts.get(key)
  const problem = draft?.problems.get(key)
  const base = draft && Object.hasOwn(draft.base, key) ? draft.base[key] : value
  const shown = shownValue(view, value)
  return {
    ...{ view, shown, problem },
    text: text ?? textOf(field, base),
    ...(text !== undefined && { was: textOf(field, base) }),
    hidden: text === undefined && !matches({ text: `${key} ${doc} ${shown}`, source, restartRequired }, filter),
  }
}

/** What the fields begin with; of a draft that is gone on with, what that began with. */
function baseOf(views: readonly SettingView[], draft: Draft | undefined): Record<string, unknown> {
  return Object.fromEntries(
    views.filter(isEditable).map(({ key, value }) => {
      return [key, draft && Object.hasOwn(draft.base, key) ? draft.base[key] : value]
    }),
  )
}

function titleOf(section: string): string {
  return titles[section] ?? `${section[0]?.toUpperCase() ?? ''}${section.slice(1)}`
}

/** For whoever may not see the settings. */
export function NeedsAdmin(): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">These settings need a token with the scope “admin”</p>
      <p>
        Sign in with one, or ask who runs this gateway. <a href="/settings/limits">Limits</a> and{' '}
        <a href="/settings/about">About</a> are for everybody.
      </p>
    </div>
  )
}
