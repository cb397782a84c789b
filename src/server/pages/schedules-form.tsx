import type { JSX } from 'preact'
import { TalonError } from '../../protocol/errors.ts'
import { Field } from './field.tsx'
import type { PageContext } from './page.ts'
import type { SessionChoice } from './session-choices.ts'

export interface Entered {
  /** Whether it was refused. */
  failed: boolean
  text: string
  name: string
  when: 'cron' | 'at'
  cron: string
  at: string
  timezone: string
  session: string
}

// The bounds of the protocol's own fields.
const maxTextChars = 16_000
const maxNameChars = 100
const maxTimesChars = 200

const examples = [
  ['0 8 * * 1-5', '8:00 from Monday to Friday'],
  ['0 20 * * *', '20:00 each day'],
  ['*/15 * * * *', 'every 15 minutes'],
  ['0 9 * * 1', '9:00 each Monday'],
  ['0 7 1 * *', '7:00 on the first of each month'],
] as const

/** What is in the form: what was sent, or nothing yet. */
export function enteredIn({ sent, query }: Pick<PageContext, 'sent' | 'query'>): Entered {
  const form = sent?.action === 'add' ? sent.form : undefined
  const text = (name: string) => form?.get(name) ?? ''
  return {
    failed: form !== undefined,
    text: text('text'),
    name: text('name'),
    when: form?.get('when') === 'at' ? 'at' : 'cron',
    cron: text('cron'),
    at: text('at'),
    timezone: text('timezone'),
    session: form?.get('session') ?? query('session') ?? '',
  }
}

/** What a form asks for. @throws TalonError `INVALID_MESSAGE` where the message or its time is missing */
export function wantedIn(form: URLSearchParams) {
  const given = (name: string) => form.get(name)?.trim() || undefined
  const text = given('text')
  if (text === undefined) throw invalid('Write what the agent is to be told.')
  const times = form.get('when') === 'at' ? { at: given('at') } : { cron: given('cron') }
  if ('at' in times && times.at === undefined) throw invalid('Choose the moment at which it comes.')
  if ('cron' in times && times.cron === undefined) {
    throw invalid('Enter the times at which it comes, such as “0 8 * * 1-5” for 8:00 from Monday to Friday.')
  }
  return { text, ...times, name: given('name'), timezone: given('timezone'), sessionId: given('session') }
}

function invalid(text: string): TalonError {
  return new TalonError('INVALID_MESSAGE', text)
}

/** The form that schedules a message. It is open where there is nothing else to see, and where it was refused. */
export function NewScheduleForm(input: {
  entered: Entered
  sessions: readonly SessionChoice[]
  zone: string
  isFirst: boolean
}): JSX.Element {
  const { entered, sessions, zone, isFirst } = input
  return (
    <details class="card fold mb-6" open={isFirst || entered.failed || entered.session !== ''}>
      <summary class="cursor-pointer px-5 py-4 font-medium">New schedule</summary>
      {/* Checked by the gateway alone: for half a date in the field that is hidden a browser would send nothing, and not say why. */}
      <form method="post" noValidate class="flex flex-col gap-5 border-t border-line px-5 py-5">
        <div>
          <label class="label" for="text">
            Message to the agent
          </label>
          <textarea id="text" class="input py-2" name="text" rows={3} maxLength={maxTextChars} required>
            {entered.text}
          </textarea>
          <p class="help">All that it has to know then, such as “Summarize what is new in notes/.”</p>
        </div>
        <Times entered={entered} zone={zone} />
        <div class="grid gap-5 sm:grid-cols-2">
          <div>
            <label class="label" for="session">
              Where it goes
            </label>
            <select id="session" class="input" name="session">
              <option value="">a new session each time</option>
              {sessions.map(({ id, name }) => (
                <option key={id} value={id} selected={id === entered.session}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          <Field
            label="Name"
            name="name"
            value={entered.name}
            maxLength={maxNameChars}
            placeholder="The beginning of the message"
          />
        </div>
        <div class="flex flex-wrap items-center gap-x-4 gap-y-2">
          <button type="submit" class="button button-primary" name="action" value="add">
            Add schedule
          </button>
          <p class="text-sm text-muted">It runs with the rights of your token; tools may do at most “workspace”.</p>
        </div>
      </form>
    </details>
  )
}

/** Without a style both fields are there; the choice says which of them counts. */
function Times({ entered, zone }: { entered: Entered; zone: string }): JSX.Element {
  return (
    <fieldset class="when">
      <legend class="label">When</legend>
      <div class="mb-3 flex flex-wrap gap-x-6 gap-y-2 text-sm">
        {(
          [
            ['cron', 'Again and again'],
            ['at', 'Once'],
          ] as const
        ).map(([value, words]) => (
          <label key={value} class="flex min-h-6 items-center gap-2.5">
            <input type="radio" name="when" value={value} checked={entered.when === value} />
            {words}
          </label>
        ))}
      </div>
      <div class="grid gap-5 sm:grid-cols-2">
        <Field
          label="Times"
          name="cron"
          boxClass="when-cron"
          class="input font-mono"
          value={entered.cron}
          list="cron-examples"
          maxLength={maxTimesChars}
          placeholder="0 8 * * 1-5"
          spellcheck={false}
          help={
            <>
              Minute, hour, day of the month, month, day of the week: <code class="whitespace-nowrap">0 8 * * 1-5</code>{' '}
              is 8:00 from Monday to Friday, <code class="whitespace-nowrap">*/15 * * * *</code> every 15 minutes.
            </>
          }
        >
          <datalist id="cron-examples">
            {examples.map(([cron, words]) => (
              <option key={cron} value={cron}>
                {words}
              </option>
            ))}
          </datalist>
        </Field>
        <Field label="Moment" name="at" boxClass="when-at" type="datetime-local" value={entered.at} />
        <Field
          label="Time zone"
          name="timezone"
          value={entered.timezone}
          maxLength={100}
          placeholder={zone}
          spellcheck={false}
          help={`Such as “Europe/Berlin”; that of the gateway, ${zone}, where it is empty.`}
        />
      </div>
    </fieldset>
  )
}
