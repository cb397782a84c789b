import type { JSX } from 'preact'
import CopyText from '../../islands/CopyText.tsx'
import { TalonError } from '../../protocol/errors.ts'
import { profiles, type Scope, scopes } from '../../protocol/shapes.ts'
import { createTokenAs } from '../new-tokens.ts'
import type { App, TokenInfo } from '../record.ts'
import { Field } from './field.tsx'
import { Island } from './island.tsx'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { NeedsAdmin } from './settings-form.tsx'
import { SettingsNav } from './settings-nav.tsx'
import { TokenList } from './settings-token-list.tsx'

const maxNameChars = 100
const dayMs = 86_400_000
const lifetimesDays = [7, 30, 90, 365]

const scopeWords: Record<Scope, string> = {
  read: 'See sessions, tools and state',
  chat: 'Write in sessions, make and delete them',
  tools: 'Call tools',
  approve: 'Allow what tools ask for, raise profiles',
  admin: 'Settings, tokens, backups, logs, audit',
  metrics: 'Scrape /metrics',
}

const profileWords: Record<(typeof profiles)[number], string> = {
  'read-only': 'read-only: tools that change nothing',
  ask: 'ask: everything else waits for a person',
  workspace: 'workspace: writes in the workspace pass',
  full: 'full: no bound of its own',
}

/** What was entered, to be entered again where it failed. */
interface Entered {
  /** Whether it failed. */
  failed: boolean
  name: string
  scopes: readonly string[]
  profile: string
  days: string
}

interface TokensData {
  /** Undefined for whoever may not see them. */
  tokens: TokenInfo[] | undefined
  own: string
  mayGive: ReadonlySet<Scope>
  entered: Entered
  made: { name: string; secret: string } | undefined
  now: number
}

export default definePage<TokensData>({
  path: '/settings/tokens',
  scope: 'read',
  title: () => 'Tokens',
  async load(app, context) {
    const { identity, now, sent } = context
    const tokens = identity.scopes.has('admin') ? await app.auth.listTokens() : undefined
    const made = sent?.shown as TokensData['made'] // What `create` returns.
    return { tokens, own: identity.tokenId, mayGive: identity.scopes, entered: enteredIn(context, made), made, now }
  },
  view: data => <Tokens {...data} />,
  actions: { create: { scope: 'admin', run: create }, revoke: { scope: 'admin', run: revoke } },
})

function enteredIn({ sent }: PageContext, made: TokensData['made']): Entered {
  if (sent?.action !== 'create' || made) {
    return { failed: false, name: '', scopes: ['read', 'chat'], profile: '', days: '90' }
  }
  const { form } = sent
  const text = (name: string) => form.get(name) ?? ''
  return {
    failed: true,
    name: text('name'),
    scopes: form.getAll('scope'),
    profile: text('profile'),
    days: text('days'),
  }
}

async function create(app: App, { form, identity, actor, now }: ActionContext): Promise<ActionOutcome> {
  const name = (form.get('name') ?? '').trim()
  if (name === '' || name.length > maxNameChars) {
    throw new TalonError('INVALID_MESSAGE', `Give the token a name of 1 to ${maxNameChars} characters.`)
  }
  const wanted = scopes.filter(scope => form.getAll('scope').includes(scope))
  if (wanted.length === 0) throw new TalonError('INVALID_MESSAGE', 'Choose at least one thing that the token may do.')
  // What is neither a choice nor the empty one must not be taken for “no bound” and “for ever”.
  const profile = chosen(form.get('profile'), profiles, 'profile')
  const days = chosen(form.get('days'), lifetimesDays, 'number of days')
  const expiresAt = days === undefined ? undefined : now + days * dayMs
  const { token } = await createTokenAs(app, identity, { name, scopes: wanted, profile, expiresAt }, { by: actor })
  return { shown: { name, secret: token } }
}

function chosen<Choice extends string | number>(
  asked: string | null,
  choices: readonly Choice[],
  what: string,
): Choice | undefined {
  if (asked === null || asked === '') return undefined
  const choice = choices.find(known => String(known) === asked)
  if (choice === undefined) throw new TalonError('INVALID_MESSAGE', `Choose the ${what} from the list.`)
  return choice
}

async function revoke(app: App, { form, actor }: ActionContext): Promise<ActionOutcome> {
  const id = form.get('id') ?? ''
  const name = (await app.auth.listTokens()).find(token => token.id === id)?.name
  if (!(await app.auth.revokeToken(id, actor))) throw new TalonError('NOT_FOUND', 'There is no such token.')
  return { said: `Revoked “${name}”: whoever used it is signed out.` }
}

function Tokens(data: TokensData): JSX.Element {
  const { tokens, made } = data
  return (
    <>
      <div class="page-head">
        <h1>Tokens</h1>
      </div>
      <SettingsNav current="/settings/tokens" />
      {!tokens ? (
        <NeedsAdmin />
      ) : (
        <>
          {made && <Made {...made} />}
          <NewTokenForm {...data} />
          <TokenList {...data} tokens={tokens} />
        </>
      )}
    </>
  )
}

function Made({ name, secret }: { name: string; secret: string }): JSX.Element {
  return (
    <section class="card mb-6 px-5 py-4" aria-labelledby="made">
      <h2 id="made">The token “{name}” is made</h2>
      <p class="mt-1 text-muted">Copy it now: it is shown this once, and only its hash is kept.</p>
      <div class="mt-3 flex flex-wrap items-center gap-3">
        <code class="min-w-0 rounded-md bg-sunken px-3 py-2 break-all">{secret}</code>
        <Island name="CopyText" of={CopyText} props={{ text: secret, label: 'Copy token' }} />
      </div>
    </section>
  )
}

function NewTokenForm({ entered, mayGive, made, tokens }: TokensData): JSX.Element {
  const isOpen = entered.failed || (!made && tokens?.length === 0)
  return (
    <details class="card fold mb-6" open={isOpen}>
      <summary class="cursor-pointer px-5 py-4 font-medium">New token</summary>
      <form method="post" class="flex flex-col gap-5 border-t border-line px-5 py-5">
        <Field
          label="Name"
          name="name"
          value={entered.name}
          maxLength={maxNameChars}
          required
          help="What uses it, such as “phone” or “nightly report”."
        />
        <fieldset>
          <legend class="label">What it may do</legend>
          <div class="grid gap-2 sm:grid-cols-2">
            {scopes.map(scope => (
              <label key={scope} class="flex items-start gap-2.5 text-sm">
                <input
                  type="checkbox"
                  class="mt-0.5 size-4 accent-accent"
                  name="scope"
                  value={scope}
                  checked={entered.scopes.includes(scope)}
                  disabled={!mayGive.has(scope)}
                />
                <span>
                  <span class="font-medium">{scope}</span> <span class="text-muted">{scopeWords[scope]}</span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <div class="grid gap-5 sm:grid-cols-2">
          <div>
            <label class="label" for="profile">
              Most that tools may do for it
            </label>
            <select id="profile" class="input" name="profile">
              <option value="">the same as for your own token</option>
              {profiles.map(profile => (
                <option key={profile} value={profile} selected={profile === entered.profile}>
                  {profileWords[profile]}
                </option>
              ))}
            </select>
          </div>
          <div>
            <label class="label" for="days">
              Works for
            </label>
            <select id="days" class="input" name="days">
              {lifetimesDays.map(days => (
                <option key={days} value={days} selected={String(days) === entered.days}>
                  {days} days
                </option>
              ))}
              <option value="" selected={entered.days === ''}>
                ever, until it is revoked
              </option>
            </select>
          </div>
        </div>
        <div>
          <button type="submit" class="button button-primary" name="action" value="create">
            Make token
          </button>
        </div>
      </form>
    </details>
  )
}
