import type { JSX } from 'preact'
import { plain } from '../../islands/dashboard/words.ts'
import type { ProviderCheck } from '../record-models.ts'
import { Field } from './field.tsx'
import { idsIn, type ProviderDraft } from './settings-provider-draft.ts'
import { kindWords } from './settings-provider-list.tsx'
import type { ProviderPreset } from './settings-provider-presets.ts'

export interface ProviderFormProps {
  hash: string
  draft: ProviderDraft
  preset: ProviderPreset | undefined
  /** Where the key of the saved provider is, in words; undefined if it has none. */
  savedKey: string | undefined
  /** Names of the headers of the saved provider. */
  headers: string[]
  /** The id of a key that was entered before and is not saved yet. */
  keptKey: string | undefined
  check: ProviderCheck | undefined
}

const kinds = ['openai-compatible', 'anthropic'] as const

/** Adds a provider or changes one. */
export function ProviderForm(props: ProviderFormProps): JSX.Element {
  const { hash, draft, preset, check, keptKey } = props
  const isNew = draft.was === ''
  return (
    <section id="provider" class="card mb-6 scroll-mt-20" aria-labelledby="provider-head">
      <div class="border-b border-line px-5 py-4">
        <h2 id="provider-head">{isNew ? `Add ${preset?.label ?? 'a provider'}` : `Change ${draft.was}`}</h2>
        {preset && <p class="mt-1 text-sm text-muted">{preset.hint}</p>}
      </div>
      <form method="post" action="/settings/providers" class="flex flex-col gap-5 px-5 py-5">
        <input type="hidden" name="hash" value={hash} />
        <input type="hidden" name="was" value={draft.was} />
        {preset && <input type="hidden" name="preset" value={preset.name} />}
        {keptKey !== undefined && <input type="hidden" name="keptKey" value={keptKey} />}
        {check && <Result check={check} />}
        {check?.ok && check.by === 'list' && <Found check={check} draft={draft} />}
        <div class="grid gap-5 sm:grid-cols-2">
          <NameField draft={draft} />
          <div>
            <label class="label" for="kind">
              Speaks
            </label>
            <select id="kind" class="input" name="kind">
              {kinds.map(kind => (
                <option key={kind} value={kind} selected={kind === draft.kind}>
                  {kindWords[kind]}
                </option>
              ))}
            </select>
          </div>
        </div>
        <Field
          label="Base URL"
          name="baseUrl"
          class="input font-mono"
          type="url"
          value={draft.baseUrl}
          maxLength={2_000}
          placeholder="https://api.example.com/v1"
          help="Up to and with /v1. A server on this machine or in your network is fine."
        />
        <KeyFields {...props} />
        <div>
          <label class="label" for="models">
            Models
          </label>
          <textarea
            id="models"
            class="input py-2 font-mono"
            name="models"
            rows={Math.min(12, Math.max(3, draft.models.split('\n').length + 1))}
            spellcheck={false}
          >
            {draft.models}
          </textarea>
          <p class="help">
            One id on each line, the default first. More is said behind it:{' '}
            <code>llama3.2 context=8192 output=2048</code>. Not sure? Test the connection and tick them.
          </p>
        </div>
        <HeaderFields {...props} />
        <div class="flex flex-wrap gap-2">
          <button type="submit" class="button button-primary" name="action" value="save">
            {isNew ? 'Add provider' : 'Save provider'}
          </button>
          <button type="submit" class="button" name="action" value="test">
            Test connection
          </button>
          <a class="button button-quiet" href="/settings/providers">
            Cancel
          </a>
        </div>
      </form>
    </section>
  )
}

function NameField({ draft: { was, name } }: { draft: ProviderDraft }): JSX.Element {
  if (was !== '') {
    return (
      <div>
        <span class="label">Name</span>
        <p class="flex min-h-10 items-center break-all">{was}</p>
      </div>
    )
  }
  return (
    <Field
      label="Name"
      name="name"
      value={name}
      maxLength={64}
      pattern="[a-z0-9][a-z0-9_\-]*"
      title="Lower case letters, digits, - and _"
      required
      help="Yours to choose: models are called name/model. Lower case letters, digits, - and _."
    />
  )
}

function KeyFields({ draft, preset, savedKey, keptKey }: ProviderFormProps): JSX.Element {
  const isKept = keptKey !== undefined
  return (
    <fieldset class="grid gap-5 sm:grid-cols-2">
      <legend class="sr-only">Key</legend>
      <Field
        label={savedKey === undefined && !isKept ? 'API key' : 'New API key'}
        name="key"
        type="password"
        maxLength={10_000}
        autocomplete="new-password"
        help={
          <>
            {isKept
              ? 'The key that you entered is kept for saving, and not shown again. '
              : savedKey !== undefined && `Left empty, the one that is there stays (${savedKey}). `}
            {preset?.keysAt !== undefined && `You get one at ${preset.keysAt}. `}
            It is kept in a file that only the gateway may read, and never shown.
          </>
        }
      >
        {savedKey !== undefined && (
          <label class="mt-2 flex items-center gap-2 text-sm">
            <input type="checkbox" name="removeKey" class="size-4 accent-accent" checked={draft.removesKey} /> Remove
            the key
          </label>
        )}
      </Field>
      <Field
        label="Or an environment variable that holds it"
        name="env"
        class="input font-mono"
        value={draft.env}
        maxLength={200}
        placeholder="OPENAI_API_KEY"
        help="Of the gateway, as it was started. A local server needs neither."
      />
    </fieldset>
  )
}

function HeaderFields({ draft, headers }: ProviderFormProps): JSX.Element {
  return (
    <details open={draft.headerName !== '' || draft.dropped.length > 0}>
      <summary class="cursor-pointer text-sm font-medium">
        Headers{headers.length > 0 && ` (${headers.join(', ')})`}
      </summary>
      <div class="mt-3 grid gap-4 sm:grid-cols-2">
        {headers.map(name => (
          <label key={name} class="flex items-center gap-2 text-sm sm:col-span-2">
            <input
              type="checkbox"
              name="dropHeader"
              value={name}
              class="size-4 accent-accent"
              checked={draft.dropped.includes(name)}
            />
            Remove <span class="font-mono">{name}</span>
          </label>
        ))}
        <Field
          label="Send another header"
          name="headerName"
          class="input font-mono"
          value={draft.headerName}
          maxLength={100}
        />
        <Field
          label="Its value, never shown"
          name="headerValue"
          type="password"
          maxLength={4_000}
          autocomplete="new-password"
        />
      </div>
    </details>
  )
}

function Result({ check }: { check: ProviderCheck }): JSX.Element {
  if (!check.ok) {
    return (
      <div class="alert alert-danger flex-wrap" role="alert">
        <p class="min-w-0 flex-1 break-words">
          <span class="font-medium">{check.problem}</span> {check.advice}
        </p>
      </div>
    )
  }
  const found = check.by === 'list' ? check.models.length + check.more : 0
  const words =
    check.by === 'word'
      ? 'It has no list of models, and its first model answered.'
      : found === 0
        ? 'It lists no model: load one there.'
        : `It lists ${plain(found)} ${found === 1 ? 'model' : 'models'}.`
  return (
    <p class="alert" role="status">
      It works: answered in {plain(check.durationMs)} ms. {words}
    </p>
  )
}

function Found(input: { check: Extract<ProviderCheck, { by: 'list' }>; draft: ProviderDraft }): JSX.Element | null {
  const { check, draft } = input
  const known = idsIn(draft.models)
  const found = check.models.filter(id => !known.has(id))
  if (found.length === 0) return null
  return (
    <fieldset>
      <legend class="label">Models to take over</legend>
      <div class="max-h-64 overflow-y-auto rounded-lg border border-line px-4 py-3">
        <div class="grid gap-x-4 gap-y-2 sm:grid-cols-2">
          {found.map(id => (
            <label key={id} class="flex items-start gap-2.5 text-sm">
              <input type="checkbox" name="found" value={id} class="mt-0.5 size-4 accent-accent" />
              <span class="min-w-0 break-all">{id}</span>
            </label>
          ))}
        </div>
      </div>
      {check.more > 0 && <p class="help">{plain(check.more)} more are not shown: name them below.</p>}
    </fieldset>
  )
}
