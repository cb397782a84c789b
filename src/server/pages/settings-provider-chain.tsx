import type { JSX } from 'preact'
import { TalonError } from '../../protocol/errors.ts'
import type { App } from '../record.ts'
import { defaultModel } from './models.ts'
import type { ActionContext, ActionOutcome } from './page.ts'

export interface ChainProps {
  hash: string
  model: string
  fallback: readonly string[]
  /** Every model that can be chosen. */
  names: readonly string[]
  /** Those that answer a session that names none, in their order. */
  order: string[]
  /** Names of the two settings that no provider has. */
  unknown: string[]
}

const maxFallback = 10
// Free fields beside those that are used.
const spare = 2

export function loadChain(app: App, hash: string, form: URLSearchParams | undefined): ChainProps {
  const { config, models } = app
  const configured = config['agent.model']
  const first = configured === 'auto' ? [...models.defaultChain] : [models.find(configured)]
  const chain = [...first, ...config['agent.fallback'].map(name => models.find(name))]
  const known = chain.filter(model => model !== undefined)
  const named = [...(configured === 'auto' ? [] : [configured]), ...config['agent.fallback']]
  return {
    hash,
    model: form?.get('model') ?? configured,
    fallback: form?.getAll('fallback').filter(name => name !== '') ?? config['agent.fallback'],
    names: models.list(),
    order: defaultModel(app) ? [...new Set(known.map(({ provider, id }) => `${provider}/${id}`))] : [],
    unknown: named.filter(name => models.find(name) === undefined),
  }
}

/** Keeps which model answers where none is chosen. */
export async function saveChain(app: App, { form, ask }: ActionContext): Promise<ActionOutcome> {
  const model = (form.get('model') ?? '').trim() || 'auto'
  const entered = form.getAll('fallback').map(name => name.trim())
  const fallback = [...new Set(entered.filter(name => name !== ''))]
  for (const name of [...(model === 'auto' ? [] : [model]), ...fallback]) {
    if (app.models.find(name)) continue
    throw new TalonError('INVALID_MESSAGE', `No provider has the model “${name}”. Choose one of the list.`)
  }
  await ask('config.update', {
    hash: form.get('hash') ?? '',
    changes: { 'agent.model': model, 'agent.fallback': fallback },
  })
  return { to: '/settings/providers', said: 'Saved. It holds from the next message on.' }
}

/** Which model answers where a session names none, and what is tried after it. */
export function ChainForm({ hash, model, fallback, names, order, unknown }: ChainProps): JSX.Element {
  const fields = Math.min(maxFallback, fallback.length + spare)
  return (
    <section class="mb-8" aria-labelledby="chain">
      <h2 id="chain">Which model answers</h2>
      <p class="mt-1 mb-4 max-w-prose text-muted">
        Sessions that name no model of their own take the default; “auto” is the first model of each provider, in the
        order above. If one fails before its first word, the next is asked.
      </p>
      {unknown.length > 0 && (
        <p class="alert alert-warn mb-4" role="status">
          No provider has {unknown.join(', ')}. Choose another below.
        </p>
      )}
      <form method="post" action="/settings/providers" class="card flex flex-col gap-5 px-5 py-5">
        <input type="hidden" name="hash" value={hash} />
        <div class="grid gap-5 sm:grid-cols-2">
          <div>
            <label class="label" for="model">
              Default model
            </label>
            <input
              id="model"
              class="input"
              name="model"
              value={model}
              list="models-known"
              maxLength={200}
              autocomplete="off"
            />
            <p class="help break-words">
              {order.length > 0 ? `Asked now: ${order.join(', then ')}.` : 'None can be asked now.'}
            </p>
          </div>
          <fieldset>
            <legend class="label">Then try, in this order</legend>
            <div class="grid gap-2">
              {Array.from({ length: fields }, (_, at) => (
                <input
                  key={`fallback-${at + 1}`}
                  class="input"
                  name="fallback"
                  value={fallback[at] ?? ''}
                  list="models-known"
                  maxLength={200}
                  autocomplete="off"
                  aria-label={`Fallback ${at + 1}`}
                />
              ))}
            </div>
          </fieldset>
        </div>
        <datalist id="models-known">
          {['auto', ...names].map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <div>
          <button type="submit" class="button" name="action" value="chain">
            Save order
          </button>
        </div>
      </form>
    </section>
  )
}
