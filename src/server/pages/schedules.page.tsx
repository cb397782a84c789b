import type { JSX } from 'preact'
import type { ReplyPayload } from '../../protocol/messages.ts'
import { momentIn } from '../moment.ts'
import type { App, Identity, Schedule } from '../record.ts'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { type Entered, enteredIn, NewScheduleForm, wantedIn } from './schedules-form.tsx'
import { ScheduleList } from './schedules-list.tsx'
import { OneSchedule } from './schedules-one.tsx'
import { type SessionChoice, sessionChoices } from './session-choices.ts'
import { tokenNames } from './token-names.ts'

interface SchedulesData {
  schedules: Schedule[]
  /** The one that the address names, with its newest runs. */
  known: ReplyPayload<'schedule.get'> | undefined
  entered: Entered
  /** Where a message can go. */
  sessions: SessionChoice[]
  names: Record<string, string>
  /** The time zone where none is named. */
  zone: string
  mayChange: boolean
  now: number
}

export default definePage<SchedulesData>({
  path: '/schedules',
  scope: 'read',
  navigation: { label: 'Schedules', order: 2 },
  title: () => 'Schedules',
  async load(app, context) {
    const { ask, identity, now, query } = context
    const entered = enteredIn(context)
    const [{ schedules }, known, sessions, names] = await Promise.all([
      ask('schedule.list', {}),
      knownOf(context, query('id')),
      sessionChoices(app, entered.session || undefined),
      tokenNames(app, identity),
    ])
    return { schedules, known, entered, sessions, names, zone: zoneOf(app), mayChange: mayChange(identity), now }
  },
  view: data => <Schedules {...data} />,
  actions: {
    add: { scope: 'tools', run: add },
    run: { scope: 'tools', run: runNow },
    pause: { scope: 'tools', run: (_app, context) => pause(context, true) },
    resume: { scope: 'tools', run: (_app, context) => pause(context, false) },
    remove: { scope: 'tools', run: remove },
  },
})

function mayChange({ scopes }: Identity): boolean {
  return scopes.has('tools') && scopes.has('chat')
}

function zoneOf({ config }: App): string {
  const zone = config['schedule.timezone']
  return zone === 'auto' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : zone
}

/** One that was removed meanwhile is as good as none. */
async function knownOf({ ask }: PageContext, id: string | undefined): Promise<SchedulesData['known']> {
  if (id === undefined) return undefined
  const { schedules } = await ask('schedule.list', {})
  return schedules.some(schedule => schedule.id === id) ? ask('schedule.get', { scheduleId: id }) : undefined
}

async function add(_app: App, { ask, form }: ActionContext): Promise<ActionOutcome> {
  const { schedule } = await ask('schedule.add', wantedIn(form))
  const { name, nextAt, timezone } = schedule
  const when = nextAt === null ? '' : ` It comes on ${momentIn(nextAt, timezone)} (${timezone}).`
  return { to: '/schedules', said: `“${name}” is scheduled.${when}` }
}

/** Leads to where its answer comes. */
async function runNow(_app: App, { ask, form }: ActionContext): Promise<ActionOutcome> {
  const { sessionId } = await ask('schedule.run', { scheduleId: form.get('id') ?? '' })
  return { to: `/sessions/${encodeURIComponent(sessionId)}`, said: 'It was sent beside its times, and runs here.' }
}

async function pause({ ask, form }: ActionContext, paused: boolean): Promise<ActionOutcome> {
  const { schedule } = await ask('schedule.pause', { scheduleId: form.get('id') ?? '', paused })
  const { name, nextAt, timezone } = schedule
  if (paused) return { said: `“${name}” is paused until you resume it.` }
  return {
    said: `“${name}” goes on.${nextAt === null ? '' : ` It comes on ${momentIn(nextAt, timezone)} (${timezone}).`}`,
  }
}

async function remove(_app: App, { ask, form }: ActionContext): Promise<ActionOutcome> {
  await ask('schedule.remove', { scheduleId: form.get('id') ?? '' })
  return { to: '/schedules', said: 'It is removed, and comes no more. What it said stays in its sessions.' }
}

function Schedules(data: SchedulesData): JSX.Element {
  const { schedules, known, names, mayChange, now } = data
  return (
    <>
      <div class="page-head">
        <h1>Schedules</h1>
        <p class="text-sm text-muted">
          Messages that the agent gets by the clock. <a href="/docs?name=schedule">More about schedules</a>
        </p>
      </div>
      {known && <OneSchedule {...known} names={names} mayChange={mayChange} now={now} />}
      {mayChange && <NewScheduleForm {...data} isFirst={schedules.length === 0} />}
      {schedules.length === 0 ? <Empty mayChange={mayChange} /> : <ScheduleList {...data} />}
    </>
  )
}

function Empty({ mayChange }: Pick<SchedulesData, 'mayChange'>): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">Nothing is scheduled</p>
      <p>
        {mayChange
          ? 'Write above what the agent is to be told, and when. It schedules messages itself too, if you ask it to in a conversation.'
          : 'To schedule something takes a token with the scopes “tools” and “chat”.'}
      </p>
    </div>
  )
}
