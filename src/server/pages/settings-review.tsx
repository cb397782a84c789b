import type { JSX } from 'preact'
import type { Review, ReviewEntry } from './settings-draft.ts'
import { shownValue } from './settings-views.ts'

const trials = [
  { timeMs: 60_000, words: 'Try it for 1 minute, then take it back unless it is kept' },
  { timeMs: 300_000, words: 'Try it for 5 minutes' },
  { timeMs: 600_000, words: 'Try it for 10 minutes' },
] as const

/** What would change, before it is saved. */
export function ReviewView({ hash, base, entries, others }: Review): JSX.Element {
  const later = entries.filter(({ view }) => !view.live)
  const isStale = others.length > 0 || entries.some(({ began }) => began)
  return (
    <form method="post" action="/settings" class="max-w-3xl">
      <input type="hidden" name="hash" value={hash} />
      <input type="hidden" name="base" value={JSON.stringify(base)} />
      {isStale && <Meanwhile others={others} />}
      <p class="mb-3 text-muted">
        {entries.length === 1 ? 'One setting changes' : `${entries.length} settings change`} in talon.json. Nothing is
        saved yet.
      </p>
      <ul class="card divide-y divide-line">
        {entries.map(entry => (
          <Entry key={entry.view.key} entry={entry} />
        ))}
      </ul>
      {later.length > 0 && (
        <p class="alert alert-warn mt-4">
          {later.length === entries.length
            ? 'All of it takes'
            : `${later.map(({ view }) => view.key).join(', ')} takes`}{' '}
          effect after a restart. A trial goes on over a restart, so make it long enough.
        </p>
      )}
      <div class="mt-6 max-w-xl">
        <label class="label" for="confirmWithinMs">
          How to save
        </label>
        <select id="confirmWithinMs" name="confirmWithinMs" class="input" aria-describedby="how-to-save">
          {trials.map(({ timeMs, words }) => (
            <option key={timeMs} value={timeMs}>
              {words}
            </option>
          ))}
          <option value="">Save for good at once</option>
        </select>
        <p id="how-to-save" class="help">
          A trial protects you: if a change locks you out, nobody keeps it and the gateway takes it back by itself.
        </p>
      </div>
      <div class="mt-6 flex flex-wrap gap-2">
        <button type="submit" name="action" value="save" class="button button-primary">
          Save
        </button>
        <button type="submit" name="action" value="edit" class="button">
          Change more
        </button>
        <a class="button button-quiet" href="/settings">
          Discard
        </a>
      </div>
    </form>
  )
}

function Meanwhile({ others }: Pick<Review, 'others'>): JSX.Element {
  return (
    <section class="alert alert-warn mb-5 flex-col items-start gap-1" aria-labelledby="meanwhile" role="alert">
      <h2 id="meanwhile" class="text-base">
        The settings were changed meanwhile
      </h2>
      <p>Somebody else saved first. Your changes are below, compared with how it is now; nothing of yours is lost.</p>
      {others.length > 0 && (
        <ul class="list-disc pl-5">
          {others.map(({ view, began }) => (
            <li key={view.key} class="break-words">
              <code>{view.key}</code> was {shownValue(view, began)} and is now {shownValue(view, view.value)}: it stays
              so.
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Entry({ entry }: { entry: ReviewEntry }): JSX.Element {
  const { view, after, text, began } = entry
  const { key } = view
  return (
    <li class="px-4 py-3.5 sm:px-5">
      {text === undefined ? (
        <input type="hidden" name="reset" value={key} />
      ) : (
        <input type="hidden" name={`set.${key}`} value={text} />
      )}
      <p class="font-medium break-words">
        <code>{key}</code>
        {text === undefined && <span class="font-normal text-muted"> goes back to its default</span>}
      </p>
      <dl class="diff">
        <dt>{began ? 'Now' : 'Before'}</dt>
        <dd>
          <del>{shownValue(view, view.value)}</del>
        </dd>
        <dt>{began ? 'Yours' : 'After'}</dt>
        <dd>
          <ins>{shownValue(view, after)}</ins>
        </dd>
      </dl>
      {began && <Conflict entry={entry} began={began.value} />}
    </li>
  )
}

/** Two people changed the same setting: one of the values has to be chosen. */
function Conflict({ entry: { view, after }, began }: { entry: ReviewEntry; began: unknown }): JSX.Element {
  const name = `take.${view.key}`
  return (
    <fieldset class="mt-2 text-sm">
      <legend class="text-muted">
        When you began it was {shownValue(view, began)}; somebody else changed it too. Which is to be?
      </legend>
      <label class="mt-1.5 flex min-h-8 items-center gap-2">
        <input type="radio" name={name} value="mine" checked /> Mine: {shownValue(view, after)}
      </label>
      <label class="flex min-h-8 items-center gap-2">
        <input type="radio" name={name} value="theirs" /> Theirs, as it is now: {shownValue(view, view.value)}
      </label>
    </fieldset>
  )
}
