import { TalonError } from '../../protocol/errors.ts'
import { isKeyFileOf, removeKey, writeKey } from '../provider-keys.ts'
import type { App } from '../record.ts'
import type { ProviderCheck } from '../record-models.ts'
import { type ProviderConfig, savedProviders } from '../usable.ts'
import type { ActionContext, ActionOutcome } from './page.ts'
import { type Candidate, candidateOf, type RemoteProvider, savedForm } from './settings-provider-draft.ts'

const here = '/settings/providers'

/** The provider that a form is about; undefined if it is a new one. @throws TalonError `NOT_FOUND` */
export function savedOf(app: App, form: URLSearchParams): RemoteProvider | undefined {
  const name = form.get('was') ?? ''
  if (name === '') return undefined
  const found = savedProviders(app.config).find(provider => provider.name === name)
  if (!found || found.kind === 'offline') throw goneError(name)
  return found
}

/** Keeps a new provider, or a changed one. */
export async function saveProvider(app: App, context: ActionContext): Promise<ActionOutcome> {
  const { form } = context
  refuseStale(app, form)
  const saved = savedOf(app, form)
  const candidate = candidateOf(form, saved, app.enteredKeys)
  const provider = savedForm(candidate)
  const { name } = provider
  const providers = savedProviders(app.config)
  const others = providers.filter(other => other.name !== saved?.name)
  if (others.some(other => other.name === name)) {
    throw new TalonError('CONFLICT', `There is a provider “${name}” already. Choose another name, or change that one.`)
  }
  const next = saved ? providers.map(other => (other.name === name ? provider : other)) : [...providers, provider]
  await update(context, next, true)
  await keepWithKey(app, candidate, others, () => update(context, next))
  // The settings name the same file as before, so that their change does not tell of it.
  if (candidate.key !== undefined) await app.audit.record({ action: 'provider.key', target: name }, context.actor)
  if (saved && usesOwnFile(app, saved) && !usesOwnFile(app, provider)) removeUnusedKey(app, name, others)
  const keptId = form.get('keptKey')
  if (keptId) app.enteredKeys.forget(keptId)
  return { to: here, said: `${saved ? 'Saved' : 'Added'} ${name}. It can be asked at once.` }
}

/** Writes the key first, as the change of the settings reads it, and takes it back if that fails. */
async function keepWithKey(
  app: App,
  { provider: { name }, key }: Candidate,
  others: readonly ProviderConfig[],
  save: () => Promise<void>,
): Promise<void> {
  if (key === undefined) return save()
  const user = others.find(other => usesFileOf(app, other, name))
  if (user) throw new TalonError('CONFLICT', `The file of that key is used by ${user.name}. Choose another name.`)
  const takeBack = writeKey(app.home, name, key)
  try {
    await save()
  } catch (error) {
    takeBack()
    throw error
  }
  // The name of the file may be the same as before, and only what is in it another.
  app.models.readKeys()
}

/** Takes a provider out, with the key that was entered for it here. */
export async function removeProvider(app: App, context: ActionContext): Promise<ActionOutcome> {
  const { providers, name } = listed(app, context.form)
  const others = providers.filter(other => other.name !== name)
  await update(context, others)
  const removed = providers.find(other => other.name === name)
  if (removed && usesOwnFile(app, removed)) removeUnusedKey(app, name, others)
  return { to: here, said: `Removed ${name}. Answers that it had begun go on to their end.` }
}

/** An action that moves a provider by so many places. */
export function moveProvider(by: -1 | 1): (app: App, context: ActionContext) => Promise<ActionOutcome> {
  return async (app, context) => {
    const { providers, name } = listed(app, context.form)
    const from = providers.findIndex(provider => provider.name === name)
    const [moved] = providers.splice(from, 1)
    if (moved) providers.splice(Math.max(0, from + by), 0, moved)
    await update(context, providers)
    return { to: here, said: `Moved ${name} ${by < 0 ? 'up' : 'down'}.` }
  }
}

/** Asks a provider as the form says, or as it is saved. */
export async function testProvider(
  app: App,
  { form, actor }: ActionContext,
): Promise<{ shown: { check: ProviderCheck } }> {
  const saved = savedOf(app, form)
  const provider = form.has('kind') || !saved ? candidateOf(form, saved, app.enteredKeys).provider : saved
  const check = await app.models.check(provider)
  const details = { address: new URL(provider.baseUrl).origin, durationMs: check.durationMs }
  const outcome = check.ok ? 'ok' : 'failed'
  await app.audit.record({ action: 'provider.test', target: provider.name, outcome, details }, actor)
  return { shown: { check } }
}

function listed(app: App, form: URLSearchParams): { providers: ProviderConfig[]; name: string } {
  refuseStale(app, form)
  const name = form.get('was') ?? ''
  const providers = [...savedProviders(app.config)]
  if (!providers.some(provider => provider.name === name)) throw goneError(name)
  return { providers, name }
}

/** What the page was made of must be what is there: else an older list would take the place of a newer one. */
function refuseStale(app: App, form: URLSearchParams): void {
  if (form.get('hash') === app.settings.hash()) return
  const words =
    'The settings were changed since this page was loaded. It shows them as they are now: look, then try again.'
  throw new TalonError('CONFLICT', words)
}

async function update(
  { ask, form }: ActionContext,
  providers: readonly ProviderConfig[],
  dryRun = false,
): Promise<void> {
  const hash = form.get('hash') ?? ''
  await ask('config.update', { hash, changes: { 'agent.providers': providers }, ...(dryRun && { dryRun }) })
}

function usesOwnFile(app: App, provider: ProviderConfig): boolean {
  return usesFileOf(app, provider, provider.name)
}

function usesFileOf(app: App, provider: ProviderConfig, name: string): boolean {
  return provider.kind !== 'offline' && isKeyFileOf(app.home, name, provider.apiKeyFile)
}

function removeUnusedKey(app: App, name: string, others: readonly ProviderConfig[]): void {
  if (!others.some(other => usesFileOf(app, other, name))) removeKey(app.home, name)
}

function goneError(name: string): TalonError {
  return new TalonError('NOT_FOUND', `There is no provider “${name}” any more. The list shows those that there are.`)
}
