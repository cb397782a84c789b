import type { JSX } from 'preact'
import { plain } from '../../islands/dashboard/words.ts'
import { Time } from '../../islands/parts/Time.tsx'
import type { ProviderPool, ProviderUse } from '../record-models.ts'
import type { ProviderConfig } from '../usable.ts'
import { idOf } from './settings-provider-draft.ts'

export interface ProviderRow {
  name: string
  kind: ProviderConfig['kind']
  baseUrl: string | undefined
  models: string[]
  /** Where the key comes from, in words; never the key. */
  key: string
  use: ProviderUse | undefined
  pool: ProviderPool | undefined
}

/** What may be shown of a provider. */
export function rowOf(
  provider: ProviderConfig,
  uses: readonly ProviderUse[],
  pools: readonly ProviderPool[],
): ProviderRow {
  const { name, kind, models } = provider
  return {
    ...{ name, kind, models: models.map(idOf), key: keyWords(provider) },
    baseUrl: provider.kind === 'offline' ? undefined : provider.baseUrl,
    use: uses.find(use => use.provider === name),
    pool: pools.find(pool => pool.provider === name),
  }
}

/** Where its key is, for a person. */
export function keyWords(provider: ProviderConfig): string {
  if (provider.kind === 'offline') return 'none needed'
  const { apiKey, apiKeyEnv, apiKeyFile } = provider
  if (apiKey !== undefined) return 'in the settings themselves'
  if (apiKeyEnv !== undefined) return `environment variable ${apiKeyEnv}`
  return apiKeyFile === undefined ? 'none' : `file ${apiKeyFile}`
}

export const kindWords: Record<ProviderConfig['kind'], string> = {
  'openai-compatible': 'OpenAI-compatible',
  anthropic: 'Anthropic',
  offline: 'Offline',
}

/** The providers in the order in which they are tried. */
export function ProviderList(input: { rows: ProviderRow[]; hash: string; isFixed: boolean; now: number }): JSX.Element {
  const { rows, hash, isFixed, now } = input
  return (
    <section aria-labelledby="order">
      <h2 id="order" class="mb-3">
        Tried in this order
      </h2>
      <ol class="card mb-6 divide-y divide-line">
        {rows.map((row, at) => (
          <li key={row.name} class="px-5 py-4">
            <div class="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
              <div class="min-w-0">
                <h3 class="flex flex-wrap items-center gap-2">
                  <span class="break-all">{row.name}</span>
                  <span class="badge">{kindWords[row.kind]}</span>
                  {row.use?.keyProblem !== undefined && <span class="badge badge-warn">no usable key</span>}
                </h3>
                {row.baseUrl !== undefined && (
                  <p class="mt-0.5 font-mono text-[0.8125rem] break-all text-muted">{row.baseUrl}</p>
                )}
              </div>
              {!isFixed && <RowActions row={row} hash={hash} isFirst={at === 0} isLast={at === rows.length - 1} />}
            </div>
            <Facts row={row} now={now} />
          </li>
        ))}
      </ol>
    </section>
  )
}

const maxShownModels = 8

function Facts({ row: { models, key, use, pool }, now }: { row: ProviderRow; now: number }): JSX.Element {
  const more = models.length - maxShownModels
  return (
    <dl class="mt-3 grid grid-cols-[5.5rem_minmax(0,1fr)] gap-x-3 gap-y-1 text-sm">
      <dt class="text-muted">Models</dt>
      <dd class="break-words">
        {models.slice(0, maxShownModels).join(', ')}
        {more > 0 && ` and ${more} more`}
      </dd>
      <dt class="text-muted">Key</dt>
      <dd class="break-words">
        {key}
        {use?.keyProblem !== undefined && <span class="text-warn">: {use.keyProblem}. Each call fails.</span>}
      </dd>
      {use && (
        <>
          <dt class="text-muted">Calls</dt>
          <dd>
            {plain(use.calls)} since the start, {use.failures === 0 ? 'none failed' : `${plain(use.failures)} failed`}
            {pool && `; ${counted(pool.connected, 'open connection')}, ${counted(pool.running, 'answer')} under way`}
            {pool && pool.queued > 0 && `, ${plain(pool.queued)} waiting`}
          </dd>
        </>
      )}
      {use?.lastFailure && (
        <>
          <dt class="text-muted">Last failure</dt>
          <dd class="break-words">
            <Time at={use.lastFailure.at} now={now} />: {use.lastFailure.message}
          </dd>
        </>
      )}
    </dl>
  )
}

function counted(count: number, what: string): string {
  return `${plain(count)} ${what}${count === 1 ? '' : 's'}`
}

function RowActions(input: { row: ProviderRow; hash: string; isFirst: boolean; isLast: boolean }): JSX.Element {
  const { row, hash, isFirst, isLast } = input
  const { name } = row
  const button = (action: string, label: string, words: string, isOff = false) => (
    <button
      type="submit"
      class="button button-quiet"
      name="action"
      value={action}
      disabled={isOff}
      aria-label={`${words} ${name}`}
    >
      {label}
    </button>
  )
  return (
    <form method="post" action="/settings/providers" class="-mx-2 flex flex-wrap items-center gap-1">
      <input type="hidden" name="was" value={name} />
      <input type="hidden" name="hash" value={hash} />
      {button('up', '↑', 'Move up', isFirst)}
      {button('down', '↓', 'Move down', isLast)}
      {row.kind !== 'offline' && (
        <>
          {button('test', 'Test', 'Test')}
          <a
            class="button button-quiet"
            href={`/settings/providers?edit=${name}#provider`}
            aria-label={`Change ${name}`}
          >
            Change
          </a>
        </>
      )}
      <details class="confirm">
        <summary class="button button-quiet" aria-label={`Remove ${name}`}>
          Remove
        </summary>
        <button type="submit" class="button button-danger" name="action" value="remove">
          Remove, with its key
        </button>
      </details>
    </form>
  )
}
