import type { JSX } from 'preact'
import { connection } from './connection.ts'

/** What the user has to do about the connection, where waiting does not help. */
export default function ConnectionNotice(): JSX.Element | null {
  const link = connection.value
  if (link.status === 'signed-out') {
    const next = typeof location === 'undefined' ? '/' : location.pathname + location.search
    return (
      <div class="alert alert-warn mb-6" role="alert">
        <span class="flex-1">You are signed out. What you see may be out of date.</span>
        <a class="button" href={`/login?next=${encodeURIComponent(next)}`}>
          Sign in
        </a>
      </div>
    )
  }
  if (link.status === 'version') {
    return (
      <div class="alert alert-danger mb-6" role="alert">
        <span class="flex-1">{link.message} Reload the page to get the gateway’s own version.</span>
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    )
  }
  if (link.status === 'closed') {
    return (
      <div class="alert alert-danger mb-6" role="alert">
        {link.message}
      </div>
    )
  }
  return null
}
