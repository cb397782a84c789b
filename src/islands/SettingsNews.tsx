import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { gateway } from './connection.ts'
import { exactTime } from './times.ts'

export interface SettingsNewsProps {
  hash: string
  now: number
  /** The change that is taken back unless somebody keeps it. */
  trial: { confirmBy: number; changes: { key: string; before: string; after: string }[] } | null
}

/** The change that is on trial, with the time that is left; and what others change while one looks at the page. */
export default function SettingsNews(props: SettingsNewsProps): JSX.Element | null {
  const { hash, trial } = props
  const news = useSignal<string | undefined>(undefined)
  useEffect(
    () =>
      gateway().on('config.updated', update => {
        // The first frame of a connection tells of no change.
        if (update.hash !== undefined && update.hash !== hash) {
          news.value = `The settings are no longer as shown here. ${update.message} What you entered is compared with it when you review.`
        } else if (trial && update.hash === hash && update.confirmBy === undefined) news.value = update.message
      }),
    [hash, trial, news],
  )
  if (news.value !== undefined) {
    return (
      <div class="alert alert-warn mb-5 flex-wrap" role="status">
        <span class="min-w-0 flex-1 basis-60 break-words">{news.value}</span>
        <a class="button" href="/settings">
          Show them now
        </a>
      </div>
    )
  }
  return trial ? <Trial {...props} trial={trial} /> : null
}

function Trial({
  hash,
  now,
  trial,
}: SettingsNewsProps & { trial: NonNullable<SettingsNewsProps['trial']> }): JSX.Element {
  const { confirmBy, changes } = trial
  const left = useSignal<number | undefined>(undefined)
  useEffect(() => {
    // By the clock of the page's life, because that of the machine may be another than the gateway's.
    const endsAt = performance.now() + confirmBy - now
    const tick = () => {
      left.value = Math.max(0, Math.ceil((endsAt - performance.now()) / 1_000))
    }
    tick()
    const timer = setInterval(tick, 1_000)
    return () => clearInterval(timer)
  }, [confirmBy, now, left])
  return (
    <section class="trial" aria-labelledby="trial">
      <div class="min-w-0 flex-1 basis-64">
        <h2 id="trial" class="text-base">
          On trial: keep this change?
        </h2>
        <ul class="mt-1 text-sm">
          {changes.map(({ key, before, after }) => (
            <li key={key} class="break-words">
              <code>{key}</code>: <del>{before}</del> → <ins class="no-underline">{after}</ins>
            </li>
          ))}
        </ul>
        <p class="mt-1 text-sm text-muted">
          It is taken back {left.value === undefined ? `at ${exactTime(confirmBy)}` : <Left seconds={left.value} />}{' '}
          unless you keep it.
        </p>
      </div>
      <form method="post" action="/settings" class="flex gap-2">
        <input type="hidden" name="hash" value={hash} />
        <button type="submit" class="button button-primary" name="action" value="keep">
          Keep
        </button>
        <button type="submit" class="button" name="action" value="take-back">
          Take back
        </button>
      </form>
    </section>
  )
}

/** A timer is not read out each second. */
function Left({ seconds }: { seconds: number }): JSX.Element {
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  return (
    <>
      in{' '}
      <strong role="timer" class="tabular-nums">
        {text}
      </strong>
    </>
  )
}
