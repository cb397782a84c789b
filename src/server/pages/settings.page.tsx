import type { JSX } from 'preact'
import SettingsFilter, { type SettingsFilterProps } from '../../islands/SettingsFilter.tsx'
import SettingsNews, { type SettingsNewsProps } from '../../islands/SettingsNews.tsx'
import { TalonError } from '../../protocol/errors.ts'
import type { Answer } from '../dispatch.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { askedBy, type Draft, type Review, readDraft, reviewOf } from './settings-draft.ts'
import { type EditProps, NeedsAdmin, SettingsForm } from './settings-form.tsx'
import { SettingsNav } from './settings-nav.tsx'
import { ReviewView } from './settings-review.tsx'
import { changeSecret, keep, takeBack } from './settings-trial.ts'
import { type SettingView, settingViews, shownValue } from './settings-views.ts'

/** What a form led to that is shown at once: a draft to go on with, or what it would change. */
type Shown = { draft: Draft } | { review: Review }

type SettingsData =
  | { mode: 'closed' }
  | { mode: 'review'; review: Review }
  | { mode: 'edit'; edit: EditProps; filter: SettingsFilterProps; news: SettingsNewsProps; waiting: string[] }

const maxQueryChars = 200

export default definePage<SettingsData>({
  path: '/settings',
  scope: 'read',
  navigation: { label: 'Settings', order: 5 },
  title: data => (data.mode === 'review' ? 'Review changes' : 'Settings'),
  async load(_app, context) {
    if (!context.identity.scopes.has('admin')) return { mode: 'closed' }
    const shown = context.sent?.shown as Shown | undefined // What the actions below return.
    if (shown && 'review' in shown) return { mode: 'review', review: shown.review }
    const config = await context.ask('config.get', {})
    const views = settingViews(config.settings)
    const draft = shown?.draft ?? (context.sent?.form.has('base') ? readDraft(context.sent.form, views) : undefined)
    return { mode: 'edit', ...editOf(config, views, draft, context) }
  },
  view: data => <Settings {...data} />,
  actions: {
    review: { scope: 'admin', run: review },
    save: { scope: 'admin', run: save },
    edit: { scope: 'admin', run: async (_app, context) => ({ shown: { draft: (await draftOf(context)).draft } }) },
    secret: { scope: 'admin', run: changeSecret },
    keep: { scope: 'admin', run: keep },
    'take-back': { scope: 'admin', run: takeBack },
  },
})

function editOf(
  config: Answer<'config.get'>,
  views: SettingView[],
  draft: Draft | undefined,
  { query, now }: PageContext,
): Pick<Extract<SettingsData, { mode: 'edit' }>, 'edit' | 'filter' | 'news' | 'waiting'> {
  const { hash, waiting } = config
  const text = (query('q') ?? '').trim().slice(0, maxQueryChars)
  const filter = { query: text, show: query('show') ?? '' }
  const byKey = new Map(views.map(view => [view.key as string, view]))
  const changes = (waiting?.changes ?? []).flatMap(({ key, before, after }) => {
    const view = byKey.get(key)
    return view ? [{ key, before: shownValue(view, before), after: shownValue(view, after) }] : []
  })
  return {
    edit: { hash, views, draft, filter },
    filter: { ...filter, total: views.length },
    news: { hash, now, trial: waiting ? { confirmBy: waiting.confirmBy, changes } : null },
    waiting: views.filter(view => view.restartRequired).map(({ key }) => key),
  }
}

/** Reads what was entered, and the settings as they are now. */
async function draftOf({ form, ask }: ActionContext): Promise<{ draft: Draft; views: SettingView[]; hash: string }> {
  const { settings, hash } = await ask('config.get', {})
  const views = settingViews(settings)
  return { draft: readDraft(form, views), views, hash }
}

async function review(_app: App, context: ActionContext): Promise<ActionOutcome> {
  const { draft, views, hash } = await draftOf(context)
  if (draft.problems.size > 0) return { shown: { draft } }
  const made = reviewOf(draft, views, hash)
  if (made.entries.length === 0) return { said: 'Nothing was changed: every setting has the value that it had.' }
  // All together, because two values may not go with each other.
  await context.ask('config.update', { hash, ...askedBy(draft), dryRun: true })
  return { shown: { review: made } }
}

async function save(_app: App, context: ActionContext): Promise<ActionOutcome> {
  const { draft, views, hash } = await draftOf(context)
  const asked = askedBy(draft)
  const isStale = context.form.get('hash') !== hash
  if (draft.problems.size > 0) return { shown: { draft } }
  if (Object.keys(asked.changes).length + asked.reset.length === 0) return { said: 'Nothing was changed.' }
  // What was reviewed is no longer what would be done.
  if (isStale) return { shown: { review: reviewOf(draft, views, hash) } }
  const confirmWithinMs = timeOf(context.form)
  const { message, confirmBy } = await context.ask('config.update', {
    ...{ hash, ...asked },
    ...(confirmWithinMs !== undefined && { confirmWithinMs }),
  })
  return { to: '/settings', said: confirmBy === undefined ? message : 'Changed, on trial: keep it below if it works.' }
}

function timeOf(form: URLSearchParams): number | undefined {
  const text = form.get('confirmWithinMs') ?? ''
  if (text === '') return undefined
  const timeMs = Number(text)
  if (Number.isInteger(timeMs)) return timeMs
  throw new TalonError('INVALID_MESSAGE', 'The time of the trial is a whole number of milliseconds.')
}

function Settings(data: SettingsData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>{data.mode === 'review' ? 'Review changes' : 'Settings'}</h1>
      </div>
      <SettingsNav current="/settings" />
      {data.mode === 'closed' && <NeedsAdmin />}
      {data.mode === 'review' && <ReviewView {...data.review} />}
      {data.mode === 'edit' && (
        <>
          <Island name="SettingsNews" of={SettingsNews} props={data.news} />
          <NeedsRestart keys={data.waiting} />
          <Island name="SettingsFilter" of={SettingsFilter} props={data.filter} />
          <SettingsForm {...data.edit} />
        </>
      )}
    </>
  )
}

function NeedsRestart({ keys }: { keys: string[] }): JSX.Element | null {
  if (keys.length === 0) return null
  return (
    <div class="alert alert-warn mb-5 flex-wrap" role="status">
      <span class="min-w-0 flex-1 break-words">
        In effect after a restart: {keys.join(', ')}. Restart it with <code>talon restart</code>.
      </span>
    </div>
  )
}
