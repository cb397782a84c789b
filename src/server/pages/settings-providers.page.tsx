import type { JSX } from 'preact'
import { variableOf } from '../config.ts'
import type { App } from '../record.ts'
import type { ProviderCheck } from '../record-models.ts'
import { type ProviderConfig, savedProviders } from '../usable.ts'
import { definePage, type PageContext } from './page.ts'
import { NeedsAdmin } from './settings-form.tsx'
import { SettingsNav } from './settings-nav.tsx'
import { moveProvider, removeProvider, saveProvider, testProvider } from './settings-provider-actions.ts'
import { ChainForm, type ChainProps, loadChain, saveChain } from './settings-provider-chain.tsx'
import { draftOf, emptyDraft, type ProviderDraft, readDraft } from './settings-provider-draft.ts'
import { ProviderForm, type ProviderFormProps } from './settings-provider-form.tsx'
import { keyWords, ProviderList, type ProviderRow, rowOf } from './settings-provider-list.tsx'
import { providerPresets } from './settings-provider-presets.ts'

type ProvidersData =
  | { mode: 'closed' }
  | {
      mode: 'open'
      hash: string
      /** Where the list is set that cannot be changed here. */
      fixedBy: string | undefined
      rows: ProviderRow[]
      form: ProviderFormProps | undefined
      chain: ChainProps
      now: number
    }

export default definePage<ProvidersData>({
  path: '/settings/providers',
  scope: 'read',
  title: () => 'Providers',
  async load(app, context) {
    if (!context.identity.scopes.has('admin')) return { mode: 'closed' }
    const { settings, hash } = await context.ask('config.get', {})
    const source = settings.find(({ key }) => key === 'agent.providers')?.source
    const providers = savedProviders(app.config)
    const fixedBy = source === 'env' || source === 'flag' ? variableOf('agent.providers') : undefined
    const [uses, pools] = [app.models.uses(), app.models.pools()]
    return {
      ...{ mode: 'open', hash, fixedBy, now: context.now },
      rows: providers.map(provider => rowOf(provider, uses, pools)),
      form: fixedBy === undefined ? formOf(app, context, providers, hash) : undefined,
      chain: loadChain(app, hash, context.sent?.action === 'chain' ? context.sent.form : undefined),
    }
  },
  view: data => <Providers {...data} />,
  actions: {
    save: { scope: 'admin', run: saveProvider },
    test: { scope: 'admin', run: testProvider },
    remove: { scope: 'admin', run: removeProvider },
    up: { scope: 'admin', run: moveProvider(-1) },
    down: { scope: 'admin', run: moveProvider(1) },
    chain: { scope: 'admin', run: saveChain },
  },
})

/** The form that is open: one that was sent, that of a provider, or one that begins with a preset. */
function formOf(
  app: App,
  { sent, query }: PageContext,
  providers: readonly ProviderConfig[],
  hash: string,
): ProviderFormProps | undefined {
  const isSent = sent?.action === 'save' || sent?.action === 'test'
  const edited = providers.find(({ name }) => name === (isSent ? sent.form.get('was') : query('edit')))
  const saved = edited?.kind === 'offline' ? undefined : edited
  const preset = providerPresets.find(({ name }) => name === (isSent ? sent.form.get('preset') : query('preset')))
  const form = isSent && sent.form.has('kind') ? sent.form : undefined
  const draft = form ? readDraft(form) : saved ? draftOf(saved) : preset ? fromPreset(preset, providers) : undefined
  if (!draft && query('preset') === undefined) return undefined
  const shown = sent?.shown as { check: ProviderCheck } | undefined // What `testProvider` returns.
  const key = saved ? keyWords(saved) : 'none'
  return {
    ...{ hash, preset, check: shown?.check, draft: draft ?? emptyDraft },
    savedKey: key === 'none' ? undefined : key,
    headers: Object.keys(saved?.headers ?? {}),
    keptKey: form && keptKey(app, form),
  }
}

function fromPreset({ name, kind, baseUrl }: (typeof providerPresets)[number], providers: readonly ProviderConfig[]) {
  const isTaken = providers.some(provider => provider.name === name)
  return { ...emptyDraft, kind, baseUrl, name: isTaken ? '' : name } satisfies ProviderDraft
}

/** A key that was entered and is not saved yet never goes back to the browser, and need not be entered again either. */
function keptKey({ enteredKeys }: App, form: URLSearchParams): string | undefined {
  const typed = (form.get('key') ?? '').trim()
  if (typed !== '') return enteredKeys.keep(typed)
  const id = form.get('keptKey') ?? ''
  return enteredKeys.find(id) === undefined ? undefined : id
}

function Providers(data: ProvidersData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Providers</h1>
      </div>
      <SettingsNav current="/settings/providers" />
      {data.mode === 'closed' ? <NeedsAdmin /> : <OpenProviders {...data} />}
    </>
  )
}

function OpenProviders(data: Extract<ProvidersData, { mode: 'open' }>): JSX.Element {
  const { rows, hash, fixedBy, form, chain, now } = data
  const isFixed = fixedBy !== undefined
  return (
    <>
      <p class="mb-4 max-w-prose text-muted">
        Where models are asked. A change holds from the next call on; answers that have begun go on to their end.
      </p>
      {isFixed && (
        <p class="alert alert-warn mb-5">
          <span>
            The list is set by <code>{fixedBy}</code> or a flag, which wins over talon.json. Change it there and
            restart.
          </span>
        </p>
      )}
      {form && <ProviderForm {...form} />}
      {rows.length === 0 && !form && <NoProviders />}
      {rows.length > 0 && <ProviderList rows={rows} hash={hash} isFixed={isFixed} now={now} />}
      {!form && !isFixed && <Presets />}
      <ChainForm {...chain} />
      <Offline />
    </>
  )
}

function NoProviders(): JSX.Element {
  return (
    <div class="card empty mb-6">
      <p class="font-medium text-ink">No provider yet</p>
      <p>Until there is one, the offline model answers: a demo that repeats what it is told. Add one below.</p>
    </div>
  )
}

function Presets(): JSX.Element {
  return (
    <section class="mb-10" aria-labelledby="add">
      <h2 id="add">Add a provider</h2>
      <ul class="mt-3 flex flex-wrap gap-2">
        {providerPresets.map(({ name, label }) => (
          <li key={name}>
            <a class="button" href={`/settings/providers?preset=${name}#provider`}>
              {label}
            </a>
          </li>
        ))}
        <li>
          <a class="button" href="/settings/providers?preset=other#provider">
            Another
          </a>
        </li>
      </ul>
    </section>
  )
}

function Offline(): JSX.Element {
  return (
    <section aria-labelledby="offline">
      <h2 id="offline">The offline model</h2>
      <p class="mt-1 max-w-prose text-muted">
        <code>offline</code> is built in, needs no key and no network, and costs nothing. It is a demo and no assistant:
        it repeats what it is told, calls a tool for <code>/tool name {'{…}'}</code>, and answers slowly for{' '}
        <code>/slow 20</code>. It answers by itself only while there is no provider; name it above to have it come last.
      </p>
    </section>
  )
}
