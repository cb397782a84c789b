import type { JSX } from 'preact'
import type { App } from '../record.ts'
import type { PageContext } from './page.ts'

interface Step {
  title: string
  text: string
  /** Whether what it asks for exists. */
  done: boolean
  link: { label: string; href: string }
}

export interface WelcomeProps {
  steps: Step[]
}

/** The first steps on a new gateway; undefined once all are taken, for whoever put them away, and for who may not take them. */
export async function loadWelcome(
  app: App,
  { identity, wantsWelcome }: Pick<PageContext, 'identity' | 'wantsWelcome'>,
): Promise<WelcomeProps | undefined> {
  if (!wantsWelcome || !identity.scopes.has('admin')) return undefined
  const [{ sessions }, tokens] = await Promise.all([app.store.listSessions({ limit: 1 }), app.auth.listTokens()])
  const steps = [
    {
      title: 'Talk to it',
      text: 'Begin a session and write something. Without a provider the built-in offline model answers: a demo, which says so.',
      done: sessions.some(session => session.messageCount > 0),
      link: { label: 'New session', href: '/sessions/new' },
    },
    {
      title: 'Add a provider',
      text: 'OpenAI, Anthropic, OpenRouter, or a model of your own with Ollama, vLLM or LM Studio. Its key stays on this machine.',
      done: app.models.list().some(name => !name.startsWith('offline/')),
      link: { label: 'Add a provider', href: '/settings/providers' },
    },
    {
      title: 'Make a token',
      text: 'A program that talks to Talon signs in with a token of its own, which does no more than you allow, and can be revoked.',
      done: tokens.some(isMadeBySomebody),
      link: { label: 'Make a token', href: '/settings/tokens' },
    },
  ]
  return steps.every(step => step.done) ? undefined : { steps }
}

/** The gateway makes two itself: that of the sign-in link, and that of `TALON_TOKEN`. */
function isMadeBySomebody({ name, revokedAt }: { name: string; revokedAt: number | null }): boolean {
  return revokedAt === null && name !== 'owner' && name !== 'TALON_TOKEN'
}

/** Three steps for the first visit. They tick themselves by what exists. */
export function Welcome({ steps }: WelcomeProps): JSX.Element {
  const done = steps.filter(step => step.done).length
  return (
    <section class="card mb-6 px-5 py-5 sm:px-6" aria-labelledby="welcome">
      <div class="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div>
          <h2 id="welcome">Welcome to Talon</h2>
          <p class="mt-1 text-sm text-muted">
            {done === 0 ? 'Three steps, and it is yours.' : `${done} of ${steps.length} steps done.`}
          </p>
        </div>
        <form method="post" action="/welcome">
          <button type="submit" class="button button-quiet">
            Hide these steps
          </button>
        </form>
      </div>
      <ol class="welcome">
        {steps.map((step, at) => (
          <li key={step.title} class="welcome-step">
            <span class={`welcome-mark ${step.done ? 'welcome-done' : ''}`} aria-hidden="true">
              {step.done ? '✓' : at + 1}
            </span>
            <div class="flex min-w-0 flex-1 flex-col items-start">
              <h3>
                {step.title}
                {step.done && <span class="font-normal text-muted"> · done</span>}
              </h3>
              <p class="mt-1 mb-3 text-sm text-muted">{step.text}</p>
              {!step.done && (
                <a class="button mt-auto" href={step.link.href}>
                  {step.link.label}
                </a>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}
