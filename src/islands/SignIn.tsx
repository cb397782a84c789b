import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'

export interface SignInProps {
  /** A path of this origin, checked by the server. */
  next: string
}

type State = 'idle' | 'working' | 'refused' | 'limited' | 'unreachable'

const sentences: Record<Exclude<State, 'idle'>, string> = {
  working: 'Signing in …',
  refused: 'This sign-in link was used already, or it is older than 10 minutes.',
  limited: 'Too many attempts failed from this address. Wait a minute and open the link again.',
  unreachable: 'The gateway did not answer. Open the link again in a moment.',
}

/** Exchanges the one-time code of a sign-in link, which stands in the fragment so that no server or log sees it. */
export default function SignIn({ next }: SignInProps): JSX.Element {
  const state = useSignal<State>('idle')
  useEffect(() => {
    const takeCode = async () => {
      const code = new URLSearchParams(location.hash.slice(1)).get('code')
      if (!code) return
      // Away from the address bar and the history before anything else, so that nobody reads or repeats it.
      history.replaceState(null, '', location.pathname + location.search)
      state.value = 'working'
      const outcome = await exchange(code)
      if (outcome === 'ok') location.replace(next)
      else state.value = outcome
    }
    takeCode()
    addEventListener('hashchange', takeCode)
    return () => removeEventListener('hashchange', takeCode)
  }, [next, state])

  if (state.value === 'idle') return <p class="sr-only">Waiting for a sign-in link or a token.</p>
  const isWorking = state.value === 'working'
  return (
    <div class={isWorking ? 'alert' : 'alert alert-danger'} role={isWorking ? 'status' : 'alert'}>
      <div>
        <p>{sentences[state.value]}</p>
        {state.value === 'refused' && (
          <p class="mt-1">
            For a new link run <code>talon login</code> on the machine of the gateway.
          </p>
        )}
      </div>
    </div>
  )
}

async function exchange(code: string): Promise<'ok' | Exclude<State, 'idle' | 'working'>> {
  const answer = await fetch('/api/v1/auth/exchange', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  }).catch(() => undefined)
  if (!answer || answer.status >= 500) return 'unreachable'
  if (answer.ok) return 'ok'
  return answer.status === 429 ? 'limited' : 'refused'
}
