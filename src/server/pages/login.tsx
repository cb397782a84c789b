import type { JSX } from 'preact'
import SignIn from '../../islands/SignIn.tsx'
import { Island } from './island.tsx'
import { Logo } from './shell.tsx'

/** The sign-in page. A link from the terminal needs JavaScript, because its code is in the fragment; a token does not. */
export function Login({ next, problem }: { next: string; problem?: string | undefined }): JSX.Element {
  return (
    <div class="card w-full max-w-md p-6 sm:p-8">
      <div class="flex items-center gap-3">
        <Logo />
        <h1>Sign in to Talon</h1>
      </div>
      <div class="mt-4 flex flex-col gap-3">
        <noscript>
          <p class="alert">A sign-in link needs JavaScript. Without it, paste a token below.</p>
        </noscript>
        <Island name="SignIn" of={SignIn} props={{ next }} />
        {problem && (
          <p class="alert alert-danger" role="alert">
            {problem}
          </p>
        )}
      </div>
      <p class="mt-4 text-muted">
        Open the sign-in link that the gateway printed at its start. For a new one run this on its machine:
      </p>
      <pre class="code-box mt-3">talon login</pre>
      <form class="mt-6 border-t border-line pt-6" method="post" action="/login">
        <input type="hidden" name="next" value={next} />
        {/* Password managers, and the browser's own advice, want a name beside a password. */}
        <input type="text" name="username" value="talon" autocomplete="username" readOnly hidden />
        <label class="label" for="token">
          Or paste a token
        </label>
        <div class="flex gap-2">
          <input
            id="token"
            class="input"
            type="password"
            name="token"
            required
            maxLength={512}
            autocomplete="current-password"
            spellcheck={false}
            placeholder="tln_…"
            aria-describedby="token-help"
          />
          <button type="submit" class="button button-primary">
            Sign in
          </button>
        </div>
        <p id="token-help" class="help">
          It is exchanged for a cookie that no script can read, and kept nowhere else in this browser.
        </p>
      </form>
    </div>
  )
}

/**
 * The place to go to after signing in: a path of this origin, whatever was asked for. Only what a browser would resolve
 * to this origin counts, because `//host`, `/\host` and a tab between two slashes lead elsewhere.
 */
export function safeNext(next: string | undefined): string {
  const base = 'http://talon.invalid'
  if (!next?.startsWith('/') || !URL.canParse(next, base)) return '/'
  const url = new URL(next, base)
  const isOurs = url.origin === base && !url.pathname.startsWith('//') && !/^\/(login|logout)\b/.test(url.pathname)
  return isOurs ? url.pathname + url.search : '/'
}
