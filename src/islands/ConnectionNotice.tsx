import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { connection, gateway, type Link } from './connection.ts'

// Long enough to be read, short enough not to be taken for the present.
const shownMs = 8_000

/** What there is to know, or to do, about the connection; nothing while all is well. */
export default function ConnectionNotice(): JSX.Element | null {
  const link = connection.value
  const isBack = useIsBack(link)
  switch (link.status) {
    case 'open':
      if (link.draining) return <Draining />
      return isBack ? <Strip>{backWords(link.resumed)}</Strip> : null
    case 'reconnecting':
      return <Reconnecting link={link} />
    case 'signed-out':
      return <SignedOut />
    case 'version':
      return (
        <Strip tone="danger" action={<ReloadButton />}>
          {link.message} Reload the page to get the gateway’s own version.
        </Strip>
      )
    case 'closed':
      return (
        <Strip tone="danger" action={<ReloadButton />}>
          {link.message} Reload the page to connect again.
        </Strip>
      )
    default:
      return null
  }
}

/** True for a while after a connection that was lost came back. */
function useIsBack({ status }: Link): boolean {
  const isBack = useSignal(false)
  const last = useRef(status)
  useEffect(() => {
    const wasLost = last.current === 'reconnecting'
    last.current = status
    isBack.value = status === 'open' && wasLost
    if (!isBack.value) return
    const timer = setTimeout(() => {
      isBack.value = false
    }, shownMs)
    return () => clearTimeout(timer)
  }, [status, isBack])
  return isBack.value
}

function backWords(resumed: number): string {
  if (resumed === 0) return 'Connected again.'
  return `Connected again, and caught up on ${resumed.toLocaleString('en')} ${resumed === 1 ? 'event' : 'events'}.`
}

function Draining(): JSX.Element {
  return (
    <Strip tone="warn">
      The gateway is about to stop or to restart. It takes nothing new; this page comes back by itself when it does.
    </Strip>
  )
}

function Reconnecting({ link }: { link: Extract<Link, { status: 'reconnecting' }> }): JSX.Element {
  const seconds = useSecondsUntil(link.nextAt)
  const words = link.draining ? 'The gateway restarts.' : 'The gateway does not answer.'
  const isTrying = link.nextAt === undefined
  const button = (
    <button type="button" class="button" disabled={isTrying} onClick={() => gateway().retryNow()}>
      Try now
    </button>
  )
  return (
    <Strip late action={button}>
      {words} {/* A screen reader that follows the strip need not count along. */}
      <span class="text-muted tabular-nums" aria-hidden="true">
        {isTrying ? `Try ${link.attempt} …` : `Try ${link.attempt} in ${seconds} s`}
      </span>
    </Strip>
  )
}

function useSecondsUntil(at: number | undefined): number {
  const seconds = useSignal(0)
  useEffect(() => {
    if (at === undefined) return
    const count = () => {
      seconds.value = Math.max(0, Math.ceil((at - Date.now()) / 1_000))
    }
    count()
    const timer = setInterval(count, 1_000)
    return () => clearInterval(timer)
  }, [at, seconds])
  return seconds.value
}

function SignedOut(): JSX.Element {
  const next = typeof location === 'undefined' ? '/' : location.pathname + location.search
  const link = (
    <a class="button" href={`/login?next=${encodeURIComponent(next)}`}>
      Sign in
    </a>
  )
  return (
    <Strip tone="warn" action={link}>
      You are signed out. What you see may be out of date.
    </Strip>
  )
}

function ReloadButton(): JSX.Element {
  return (
    <button type="button" class="button" onClick={() => location.reload()}>
      Reload
    </button>
  )
}

function Strip(input: {
  tone?: 'warn' | 'danger'
  /** Not shown at once, because most of these are over before they are read. */
  late?: boolean
  action?: JSX.Element
  children: ComponentChildren
}): JSX.Element {
  const { tone, late = false, action, children } = input
  return (
    <div class="link-strip">
      <div class={`${tone ? `alert-${tone}` : ''} ${late ? 'link-strip-late' : ''}`} role={tone ? 'alert' : 'status'}>
        <span class="flex-1 py-1">{children}</span>
        {action}
      </div>
    </div>
  )
}
