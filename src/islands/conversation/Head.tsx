import type { Signal } from '@preact/signals'
import type { ComponentChildren, JSX, TargetedSubmitEvent } from 'preact'
import type { Profile } from '../../protocol/shapes.ts'
import { timeLeft } from '../approvals/inbox.ts'
import { useGatewayClock } from '../parts/clock.ts'
import { Files } from '../parts/Files.tsx'
import { say } from '../parts/notices.ts'
import { SessionTitle, shortId } from '../parts/SessionRow.tsx'
import { sentence } from '../parts/sentence.ts'
import { Time } from '../parts/Time.tsx'
import { type About, elevate, update } from './about.ts'
import type { Conversation } from './live.ts'
import { tokens, usd } from './spending.ts'

/** What does not change while a page is open. */
export interface HeadFacts {
  channel: string
  sender: string
  createdAt: number
  forkedFrom: { sessionId: string; seq: number } | null
  /** Every model, the default first. */
  models: string[]
  profiles: readonly Profile[]
  /** How much tools may do where a session says nothing of it. */
  defaultProfile: Profile
}

interface HeadInput {
  conversation: Conversation
  about: Signal<About>
  facts: HeadFacts
  now: number
  canWrite: boolean
  canApprove: boolean
}

// Counted ids begin anew in a browser, where a field that is made again would lose the label that the server made.
const id = 'head'

const minuteChoices = [15, 30, 60, 240]

/** What a session is, what it has used, and what can be set about it. */
export function Head(input: HeadInput): JSX.Element {
  const { conversation, about, facts, now, canWrite } = input
  const { sessionId } = conversation
  const { title, model, profile, elevatedUntil } = about.value
  const path = `/sessions/${encodeURIComponent(sessionId)}`
  const exported = `/api/v1${path}/export?format=`
  return (
    <header class="conversation-head">
      <h1 class="break-words max-sm:text-xl">
        <SessionTitle session={{ id: sessionId, title }} />
      </h1>
      <p class="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-muted">
        <span class="badge">{facts.channel}</span>
        <span class="break-all">{facts.sender}</span>
        <span class="break-all">{model ?? facts.models[0]}</span>
        <span class="badge">{elevatedUntil === null ? (profile ?? facts.defaultProfile) : 'full'}</span>
        <span>
          begun <Time at={facts.createdAt} now={now} />
        </span>
        {facts.forkedFrom && (
          <a
            href={`/sessions/${encodeURIComponent(facts.forkedFrom.sessionId)}?at=${facts.forkedFrom.seq}#m${facts.forkedFrom.seq}`}
          >
            forked from {shortId(facts.forkedFrom.sessionId)}
          </a>
        )}
      </p>
      <SpentLine conversation={conversation} />
      <div class="panels">
        {canWrite && (
          <Panel label="Settings">
            <Settings {...input} path={path} />
          </Panel>
        )}
        <FilesPanel conversation={conversation} />
        <a class="action" href={`${path}/trace`}>
          Trace
        </a>
        <a class="action" href={`${exported}json`} download>
          Export JSON
        </a>
        <a class="action" href={`${exported}markdown`} download>
          Export Markdown
        </a>
      </div>
      <Elevated {...input} path={path} />
    </header>
  )
}

function Panel({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <details class="panel" name="session-panel">
      <summary class="action">{label}</summary>
      <div class="panel-body">{children}</div>
    </details>
  )
}

function SpentLine({ conversation }: { conversation: Conversation }): JSX.Element | null {
  const spent = conversation.spent.value
  if (!spent || spent.runs === 0) return null
  const { runs, inputTokens, outputTokens, costUsd, hasUnpriced } = spent
  return (
    <p class="mt-1 text-sm text-muted" data-spent>
      {runs === 1 ? '1 answer' : `${runs.toLocaleString('en')} answers`}, {tokens(inputTokens + outputTokens)} (
      {inputTokens.toLocaleString('en')} in, {outputTokens.toLocaleString('en')} out)
      {costUsd !== null && `, ${usd(costUsd)}`}
      {hasUnpriced && `${costUsd === null ? ',' : ' and'} more at a price that is not known`}
    </p>
  )
}

function FilesPanel({ conversation }: { conversation: Conversation }): JSX.Element | null {
  const files = conversation.attachments.value
  if (files.length === 0) return null
  return (
    <Panel label={files.length === 1 ? '1 file' : `${files.length} files`}>
      <Files files={files} />
    </Panel>
  )
}

type SettingsInput = HeadInput & { path: string }

function Settings(input: SettingsInput): JSX.Element {
  const { conversation, about, facts, canApprove, path } = input
  const { title, model, profile } = about.value
  const models = model !== null && !facts.models.includes(model) ? [...facts.models, model] : facts.models
  const onSubmit = handled(async form => {
    await update(conversation.sessionId, about, form)
    say('The session was changed.')
  }, 'The session was not changed.')
  return (
    <>
      <form class="flex flex-wrap items-end gap-3" method="post" action={path} onSubmit={onSubmit}>
        <input type="hidden" name="action" value="update" />
        <Field id={`${id}-title`} label="Title">
          <input
            key={title}
            id={`${id}-title`}
            class="input"
            name="title"
            maxLength={200}
            autocomplete="off"
            defaultValue={title ?? ''}
          />
        </Field>
        <Field id={`${id}-model`} label="Model">
          <select key={model} id={`${id}-model`} class="input" name="model">
            {models.map((name, at) => (
              <option key={name} value={at === 0 ? '' : name} selected={name === model || (at === 0 && model === null)}>
                {at === 0 ? `${name} (default)` : name}
              </option>
            ))}
          </select>
        </Field>
        <Field id={`${id}-profile`} label="What tools may do">
          <select key={profile} id={`${id}-profile`} class="input" name="profile">
            <option value="" selected={profile === null}>{`${facts.defaultProfile} (default)`}</option>
            {facts.profiles.map(name => (
              <option key={name} value={name} selected={name === profile}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <button type="submit" class="button">
          Save
        </button>
      </form>
      {canApprove ? (
        <ElevateForm {...input} />
      ) : (
        <p class="text-sm text-muted">To let tools do more needs a token with the scope “approve”.</p>
      )}
    </>
  )
}

function Field(input: { id: string; label: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="flex-[1_1_10rem]">
      <label class="label" for={input.id}>
        {input.label}
      </label>
      {input.children}
    </div>
  )
}

function ElevateForm({ conversation, about, path }: SettingsInput): JSX.Element {
  const onSubmit = handled(
    form => elevate(conversation.sessionId, about, Number(form.get('minutes'))),
    'The rights were not changed.',
  )
  return (
    <form class="flex flex-wrap items-end gap-3" method="post" action={path} onSubmit={onSubmit}>
      <input type="hidden" name="action" value="elevate" />
      <Field id={`${id}-minutes`} label="All rights for a time">
        <select id={`${id}-minutes`} class="input" name="minutes">
          {minuteChoices.map(minutes => (
            <option key={minutes} value={minutes}>
              {minutes < 60 ? `${minutes} minutes` : minutes === 60 ? '1 hour' : `${minutes / 60} hours`}
            </option>
          ))}
        </select>
      </Field>
      <button type="submit" class="button">
        Give all rights
      </button>
      <p class="w-full text-sm text-muted">Tools then do everything unasked in this session, until the time is over.</p>
    </form>
  )
}

/** That tools may do everything now, for how long, and the way to end it. */
function Elevated({ conversation, about, now, canApprove, path }: SettingsInput): JSX.Element | null {
  const { elevatedUntil } = about.value
  const time = useGatewayClock(now, elevatedUntil !== null)
  if (elevatedUntil === null || elevatedUntil <= time) return null
  const onSubmit = handled(() => elevate(conversation.sessionId, about, 0), 'The rights were not taken back.')
  return (
    <div class="alert alert-warn mt-3">
      <span class="min-w-0 flex-1">
        Tools may do everything in this session for{' '}
        <span role="timer" class="tabular-nums" data-elevated>
          {timeLeft(elevatedUntil - time)}
        </span>
        .
      </span>
      {canApprove && (
        <form method="post" action={path} onSubmit={onSubmit}>
          <input type="hidden" name="action" value="elevate" />
          <input type="hidden" name="minutes" value="0" />
          <button type="submit" class="button">
            End it
          </button>
        </form>
      )}
    </div>
  )
}

/** Does what a form asks for without leaving the page, and says what went wrong. */
function handled(work: (form: FormData) => Promise<void>, failure: string) {
  return async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    try {
      await work(new FormData(event.currentTarget))
    } catch (error) {
      say(sentence(failure, error), { tone: 'danger' })
    }
  }
}
