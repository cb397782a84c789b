import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { connection, gateway, type Link } from './connection.ts'

const words: Record<Link['status'], { text: string; tone: string }> = {
  idle: { text: 'Not connected', tone: 'quiet' },
  connecting: { text: 'Connecting', tone: 'busy' },
  open: { text: 'Connected', tone: 'ok' },
  reconnecting: { text: 'Reconnecting', tone: 'warn' },
  'signed-out': { text: 'Signed out', tone: 'danger' },
  version: { text: 'Version mismatch', tone: 'danger' },
  closed: { text: 'Disconnected', tone: 'danger' },
}

const draining = { text: 'Gateway stops', tone: 'warn' }

/** A dot and a word: whether this page hears from the gateway. It opens the connection. */
export default function ConnectionStatus(): JSX.Element {
  useEffect(() => {
    gateway()
  }, [])
  const link = connection.value
  const { text, tone } = link.status === 'open' && link.draining ? draining : words[link.status]
  return (
    <p class="flex items-center gap-2.5 px-1 text-sm text-muted md:px-2" role="status" data-connection={link.status}>
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      <span class="max-md:sr-only">{text}</span>
    </p>
  )
}
