import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../../src/client/index.ts'
import type { Schedule } from '../../../src/server/record.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { rest } from '../api/rest.ts'

let gateway: TestGateway
let client: Client
beforeAll(async () => {
  gateway = await testGateway({ env: { TALON_TOOLS_PROFILE: 'full', TALON_SCHEDULE_TIMEZONE: 'Europe/Berlin' } })
  client = gateway.client()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const yearly = '0 8 1 1 *'
const newSession = async (owner = client) =>
  (await owner.request('session.create', { senderId: 'ada', channel: 'test' })).sessionId
const add = async (more: object = {}) =>
  (await client.request('schedule.add', { text: 'hello', cron: yearly, ...more })).schedule

/** Lets a schedule run now, to the end of its run. */
async function run(
  scheduleId: string,
  asking = client,
): Promise<{ sessionId: string; state: string; texts: string[] }> {
  const { sessionId, runId } = await asking.request('schedule.run', { scheduleId })
  await expect.poll(async () => (await gateway.app.store.getRun(runId))?.finishedAt, { timeout: 30_000 }).toBeTruthy()
  const { messages } = await client.request('session.history', { sessionId })
  const state = (await gateway.app.store.getRun(runId))?.state ?? ''
  return { sessionId, state, texts: messages.map(({ content }) => content) }
}

async function tool(toolName: string, args: object, sessionId?: string, asking = client) {
  return asking.request('tools.invoke', { toolName, args: { ...args }, ...(sessionId && { sessionId }) })
}

test('a schedule is added, listed, run, paused, let go on and removed, and the audit trail says by whom', async () => {
  const schedule = await add({ name: 'Yearly' })
  expect(schedule).toMatchObject({ name: 'Yearly', timezone: 'Europe/Berlin', paused: null, profile: 'workspace' })
  expect(new Date(schedule.nextAt ?? 0).toISOString()).toMatch(/-01-01T07:00:00.000Z$/)
  const ran = await run(schedule.id)
  expect(ran).toMatchObject({ state: 'done', texts: ['hello', 'offline: hello'] })
  const { runs, schedule: after } = await client.request('schedule.get', { scheduleId: schedule.id })
  expect(runs).toMatchObject([{ cause: 'manual', state: 'done', sessionId: ran.sessionId }])
  expect(after).toMatchObject({ nextAt: schedule.nextAt, lastRun: runs[0] })
  const paused = await client.request('schedule.pause', { scheduleId: schedule.id, paused: true })
  expect(paused.schedule).toMatchObject({ paused: 'A person paused it.' })
  const again = await client.request('schedule.pause', { scheduleId: schedule.id, paused: false })
  expect(again.schedule).toMatchObject({ paused: null, nextAt: schedule.nextAt })
  await client.request('schedule.remove', { scheduleId: schedule.id })
  expect((await client.request('schedule.list', {})).schedules).toEqual([])
  await expect(client.request('schedule.get', { scheduleId: schedule.id })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await gateway.app.audit.written()
  const trail = await gateway.app.store.listAudit({ limit: 20 })
  const about = trail
    .filter(({ target }) => target === schedule.id)
    .map(({ action, tokenId }) => `${action} ${tokenId}`)
  const actions = ['schedule.remove', 'schedule.pause', 'schedule.pause', 'schedule.run', 'schedule.add']
  expect(about).toEqual(actions.map(action => `${action} env`))
})

test('the same over REST, once for each key', async () => {
  const body = { text: 'hello', at: '2099-01-01T08:00', timezone: 'America/New_York' }
  const made = await rest(gateway, 'POST', '/api/v1/schedules', { body, key: 'one' })
  const schedule = made.body['schedule'] as Schedule // As the protocol says.
  expect(made).toMatchObject({
    status: 201,
    body: { schedule: { cron: null, onceAt: Date.parse('2099-01-01T13:00Z') } },
  })
  expect(made.headers.get('location')).toBe(`/api/v1/schedules/${schedule.id}`)
  const repeat = await rest(gateway, 'POST', '/api/v1/schedules', { body, key: 'one' })
  expect(repeat.body).toMatchObject({ schedule: { id: schedule.id }, duplicate: true })
  const path = `/api/v1/schedules/${schedule.id}`
  expect((await rest(gateway, 'GET', path)).body).toMatchObject({ schedule: { id: schedule.id }, runs: [] })
  expect((await rest(gateway, 'POST', `${path}/pause`, { body: { paused: true } })).status).toBe(200)
  expect((await rest(gateway, 'POST', `${path}/run`, { key: 'run' })).status).toBe(202)
  expect((await rest(gateway, 'POST', `${path}/run`, { key: 'run' })).body).toMatchObject({ duplicate: true })
  expect((await rest(gateway, 'GET', '/api/v1/schedules')).body['schedules']).toHaveLength(1)
  expect((await rest(gateway, 'DELETE', path)).status).toBe(204)
  expect((await rest(gateway, 'DELETE', path)).status).toBe(404)
  const wrong = await rest(gateway, 'POST', '/api/v1/schedules', { body: { text: 'x', cron: 'soon' } })
  expect(wrong).toMatchObject({ status: 400, body: { detail: expect.stringContaining('five fields') } })
  const lost = await rest(gateway, 'POST', '/api/v1/schedules', {
    body: { text: 'x', cron: yearly, sessionId: 'none' },
  })
  expect(lost.status).toBe(404)
})

test('the agent schedules in its own conversation, sees what there is, and removes it', async () => {
  const sessionId = await newSession()
  const args = JSON.stringify({ text: 'Look again.', cron: '30 7 * * 1', name: 'Look' })
  const say = async (text: string) => {
    const { runId } = await client.request('session.send_message', { sessionId, text })
    await expect.poll(async () => (await gateway.app.store.getRun(runId))?.state, { timeout: 30_000 }).toBe('done')
    return (await client.request('session.history', { sessionId })).messages.at(-1)?.content ?? ''
  }
  expect(await say(`/tool schedule_add ${args}`)).toMatch(
    /Added as sched_\S+: "Look", in this conversation\. It comes Mon .* 07:30 \(Europe\/Berlin\), then Mon/,
  )
  const [schedule] = (await client.request('schedule.list', {})).schedules
  expect(schedule).toMatchObject({ sessionId, tokenId: 'env', tainted: false, profile: 'workspace' })
  await run(schedule?.id ?? '')
  const listed = await say('/tool schedule_list {}')
  expect(listed).toMatch(/"Look": 30 7 \* \* 1 \(Europe\/Berlin\), next Mon \d{4}-\d\d-\d\d 07:30; session sess_/)
  expect(listed).toMatch(/last run .*: done/)
  expect(await say(`/tool schedule_remove ${JSON.stringify({ id: schedule?.id })}`)).toContain('Removed "Look"')
  expect((await client.request('schedule.list', {})).schedules).toEqual([])
})

test('a tool adds no more rights than whoever calls it has', async () => {
  const wanted = { text: 'x', cron: yearly }
  const noChat = gateway.client(await gateway.token('tools'))
  expect(await tool('schedule_add', wanted, undefined, noChat)).toMatchObject({ success: false, code: 'FORBIDDEN' })
  const mine = gateway.client(await gateway.token('tools', 'chat'))
  expect(await tool('schedule_add', { ...wanted, name: 'Mine' }, undefined, mine)).toMatchObject({ success: true })
  const other = await add({ name: 'Other' })
  // Whoever may not read what others say neither sees nor removes what they schedule.
  expect((await tool('schedule_list', {}, undefined, mine)).output).not.toContain('Other')
  const foreign = await tool('schedule_remove', { id: other.id }, undefined, mine)
  expect(foreign).toMatchObject({ success: false, code: 'NOT_FOUND' })
  const wrong = [
    [{ text: '/reset', cron: yearly }, 'Commands that begin with a slash'],
    [{ text: 'x', cron: '* * * * * *' }, 'five fields'],
    [{ text: 'x' }, 'either "cron"'],
    [{ text: 'x', cron: yearly, session: 'own' }, 'in no conversation'],
  ] as const
  for (const [args, words] of wrong) expect((await tool('schedule_add', args)).error).toContain(words)
  const sessionId = await newSession()
  await client.request('session.update', { sessionId, profile: 'read-only' })
  expect(await tool('schedule_add', wanted, sessionId)).toMatchObject({ decision: { rule: 'read-only' } })
  const dry = await client.request('tools.invoke', { toolName: 'schedule_add', args: wanted, dryRun: true })
  expect(dry).toMatchObject({ success: true, output: expect.stringContaining('It would come') })
  for (const { id } of (await client.request('schedule.list', {})).schedules) {
    await client.request('schedule.remove', { scheduleId: id })
  }
})

test('its runs may do no more than "workspace" allows, whatever the session may', async () => {
  const sessionId = await newSession()
  await client.request('session.elevate', { sessionId, minutes: 5 })
  const schedule = await add({ sessionId })
  const { runId } = await client.request('schedule.run', { scheduleId: schedule.id })
  const decided = async (of: { runId?: string }) => {
    const asked = { toolName: 'http_request', args: { url: 'http://example.org/' }, tokenId: 'env', sessionId, ...of }
    return (await gateway.app.tools.run({ ...asked, dryRun: true })).decision?.rule
  }
  expect(await decided({})).toBe('full')
  expect(await decided({ runId })).toMatch(/^workspace\./)
  await client.request('schedule.remove', { scheduleId: schedule.id })
  // The bound is that of the run: it stays where the schedule is gone.
  expect(await decided({ runId })).toMatch(/^workspace\./)
})

test('what was scheduled where text of others was brings it along', async () => {
  const sessionId = await newSession()
  await tool('file_write', { path: 'a.txt', content: 'x' })
  const { runId } = await client.request('session.send_message', {
    sessionId,
    text: '/tool file_read {"path": "a.txt"}',
  })
  await expect.poll(async () => (await gateway.app.store.getRun(runId))?.state, { timeout: 30_000 }).toBe('done')
  await tool('schedule_add', { text: 'go on', cron: yearly, session: 'new', name: 'Later' }, sessionId)
  const [schedule] = (await client.request('schedule.list', {})).schedules
  expect(schedule).toMatchObject({ tainted: true, sessionId: null })
  const ran = await run(schedule?.id ?? '')
  expect((await client.request('session.get', { sessionId: ran.sessionId })).session.tainted).toBe(true)
  await client.request('schedule.remove', { scheduleId: schedule?.id ?? '' })
})

test('a token that is revoked ends what it had scheduled, in the open', async () => {
  const { id, token } = await gateway.app.auth.createToken({ name: 'phone', scopes: ['read', 'chat', 'tools'] })
  const phone = gateway.client(token)
  const { schedule } = await phone.request('schedule.add', { text: 'x', cron: yearly, name: 'Phone' })
  await gateway.app.auth.revokeToken(id)
  await expect(client.request('schedule.run', { scheduleId: schedule.id })).rejects.toMatchObject({ code: 'CONFLICT' })
  // It is due now, and whatever is added makes the gateway look.
  await gateway.app.store.passSchedule({ id: schedule.id, from: schedule.nextAt, nextAt: Date.now() })
  await add({ name: 'Other' })
  const paused = async () => (await client.request('schedule.get', { scheduleId: schedule.id })).schedule.paused
  await expect.poll(paused, { timeout: 30_000 }).toContain('revoked')
  const resumed = client.request('schedule.pause', { scheduleId: schedule.id, paused: false })
  await expect(resumed).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('revoked') })
  await gateway.app.audit.written()
  const [entry] = await gateway.app.store.listAudit({ limit: 1, action: 'schedule.pause' })
  expect(entry).toMatchObject({ target: schedule.id, channel: 'gateway', details: { paused: true } })
  const { findings } = await gateway.app.doctor.report({ groups: ['gateway'], offline: true })
  expect(findings.find(finding => finding.id === 'gateway.schedules')).toMatchObject({ severity: 'warn' })
  const { text } = await gateway.app.metrics.page()
  expect(text).toContain('talon_schedules{state="paused"} 1')
  expect(text).toMatch(/talon_schedule_due_total [1-9]/)
})

test('what is due comes by itself', async () => {
  const { id } = await add({ cron: undefined, at: Date.now() + 1_000, name: 'Soon' })
  const last = async () => (await client.request('schedule.get', { scheduleId: id })).schedule.lastRun?.state
  await expect.poll(last, { timeout: 30_000 }).toBe('done')
  expect((await client.request('schedule.get', { scheduleId: id })).schedule).toMatchObject({
    nextAt: null,
    lastRun: { cause: 'due' },
  })
})
