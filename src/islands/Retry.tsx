import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'

// Often enough to be back soon, seldom enough for a phone that lies in a pocket.
const retryMs = 5_000

/** Looks whether the gateway answers, and then loads the page that was asked for. */
export default function Retry(): JSX.Element {
  const tries = useSignal(0)
  useEffect(() => {
    const look = async () => {
      if (document.visibilityState === 'hidden') return
      tries.value++
      const answer = await fetch('/healthz', { cache: 'no-store' }).catch(() => undefined)
      // Whoever is at the page's own address asked for no other.
      if (answer?.ok) location.replace(location.pathname === '/offline' ? '/' : location.href)
    }
    const timer = setInterval(look, retryMs)
    addEventListener('online', look)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      removeEventListener('online', look)
      document.removeEventListener('visibilitychange', look)
    }
  }, [tries])
  return (
    <div class="flex flex-wrap items-center gap-4">
      <button type="button" class="button button-primary" onClick={() => location.reload()}>
        Try again
      </button>
      <span class="text-sm text-muted" role="status">
        {tries.value === 0 ? 'This page tries by itself as well.' : 'Still no answer. This page goes on trying.'}
      </span>
    </div>
  )
}
