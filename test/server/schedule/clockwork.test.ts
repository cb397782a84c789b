import { expect, test } from 'vitest'
import { bench } from './bench.ts'

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const start = '2026-11-23T07:30:00Z'

test('a message is sent at its time, once, by one timer', async () => {
  await using at = await bench(start)
  const id = await at.add('0 8,9 * * *', { name: 'News' })
  // A clock that is set is noticed in half a minute.
  expect(at.clock.nextMs()).toBe(30 * secondMs)
  await at.pass(30 * minuteMs - 1)
  expect(await at.sentAt(id)).toEqual([])
  expect(at.clock.nextMs()).toBe(1)
  await at.pass(1)
  expect(await at.sentAt(id)).toEqual(['2026-11-23T08:00:00.000Z'])
  const { lastRun, nextAt } = await at.one(id)
  expect(nextAt).toBe(Date.parse('2026-11-23T09:00:00Z'))
  const sessionId = lastRun?.sessionId ?? ''
  expect(at.woken).toEqual([sessionId])
  expect(await at.store.getSession(sessionId)).toMatchObject({ channel: 'schedule', title: 'News', tainted: false })
  const { entries } = await at.store.history({ sessionId, epoch: 1, limit: 9, maxBytes: 1e6 })
  expect(entries.map(({ message }) => [message.role, message.senderName, message.content])).toEqual([
    ['user', 'schedule', 'text of News'],
  ])
  expect(await at.store.runProfile(lastRun?.runId ?? '')).toBe('workspace')
  await at.endRuns()
  await at.pass(hourMs)
  expect(await at.sentAt(id)).toHaveLength(2)
  expect(at.woken).toHaveLength(2)
  expect(new Set(at.woken).size).toBe(2)
})

test('what comes once is over after it, and can go into a session that is there', async () => {
  await using at = await bench(start)
  await at.store.createSession({ id: 's', senderId: 'ada', channel: 'test', at: 1 })
  const rights = { tokenId: 't', profile: 'workspace', tainted: true } as const
  const { schedule } = await at.schedules.add({ at: '2026-11-23T07:31', text: 'now', sessionId: 's', ...rights })
  expect(at.clock.nextMs()).toBe(30 * secondMs)
  await at.pass(minuteMs)
  expect(await at.one(schedule.id)).toMatchObject({ nextAt: null, paused: null, missed: 0 })
  expect(at.woken).toEqual(['s'])
  // It was added where text of others was: so is its text.
  expect(await at.store.getSession('s')).toMatchObject({ tainted: true })
  expect(at.schedules.stats()).toMatchObject({ active: 0, ended: 1, sent: 1 })
  await at.pass(24 * hourMs)
  expect(at.woken).toEqual(['s'])
  expect(at.clock.nextMs()).toBeUndefined()
})

test('a restart loses nothing and sends nothing twice', async () => {
  await using at = await bench(start)
  const id = await at.add('*/10 * * * *')
  await at.pass(10 * minuteMs)
  await at.endRuns()
  await at.restarted()
  expect(await at.sentAt(id)).toHaveLength(1)
  await at.schedules.stop()
  // Down over a due time, for less than a minute.
  at.clock.set('2026-11-23T07:50:40Z')
  await at.restarted()
  expect(await at.sentAt(id)).toEqual(['2026-11-23T07:40:00.000Z', '2026-11-23T07:50:00.000Z'])
  expect(await at.one(id)).toMatchObject({ missed: 0 })
})

test('the same due time is sent once, whoever tries it again', async () => {
  await using at = await bench(start)
  const id = await at.add('0 8 * * *')
  const { nextAt } = await at.one(id)
  const dueAt = Date.parse('2026-11-23T08:00:00Z')
  expect(nextAt).toBe(dueAt)
  const step = { id, from: dueAt, nextAt: dueAt + 24 * hourMs, dueAt, cause: 'due', at: dueAt } as const
  const ids = (name: string) => ({ messageId: `m-${name}`, runId: `r-${name}`, newSessionId: `s-${name}` })
  const tries = await Promise.all(['a', 'b', 'c'].map(name => at.store.fireSchedule({ ...step, ...ids(name) })))
  expect(tries.map(({ fired }) => fired?.runId)).toEqual(['r-a', undefined, undefined])
  // Where the schedule was set back to it, the message that is there says so.
  await at.store.passSchedule({ id, from: dueAt + 24 * hourMs, nextAt: dueAt })
  expect(await at.store.fireSchedule({ ...step, ...ids('d') })).toEqual({ missed: { count: 0, times: [] } })
  expect(await at.one(id)).toMatchObject({ nextAt: dueAt + 24 * hourMs })
  expect(await at.store.getSession('s-d')).toBeUndefined()
  expect(await at.store.counts()).toMatchObject({ totalMessages: 1 })
})

test('what was missed is counted and told, and made up for once where the settings say so', async () => {
  await using at = await bench(start)
  const id = await at.add('0 * * * *', { name: 'Hourly' })
  await at.schedules.stop()
  at.clock.set('2026-11-23T12:30:00Z')
  await at.restarted()
  expect(await at.sentAt(id)).toEqual([])
  const { missed, missedAt, nextAt } = await at.one(id)
  expect({ missed, nextAt }).toEqual({ missed: 5, nextAt: Date.parse('2026-11-23T13:00:00Z') })
  expect(missedAt.map(time => new Date(time).getUTCHours())).toEqual([8, 9, 10, 11, 12])
  expect(at.schedules.stats()).toMatchObject({ missed: 5, sent: 0 })
  const told = at.lines.map(line => JSON.parse(line)).find(({ missed: count }) => count === 5)
  expect(told).toMatchObject({ schedule: 'Hourly', msg: expect.stringContaining('passed') })
  expect(told.times).toContain('2026-11-23T12:00:00.000Z')

  await using kind = await bench(start, { 'schedule.catchUp': 'on' })
  const other = await kind.add('0 * * * *')
  await kind.schedules.stop()
  kind.clock.set('2026-11-23T12:30:00Z')
  await kind.restarted()
  expect(await kind.sentAt(other)).toEqual(['2026-11-23T08:00:00.000Z'])
  expect(await kind.one(other)).toMatchObject({ missed: 4, lastRun: { cause: 'catch-up' } })
  expect(kind.schedules.stats()).toMatchObject({ missed: 4, sent: 1 })
})

test('a machine that slept, and a clock that is set forward, miss what was meanwhile', async () => {
  await using at = await bench(start)
  const id = await at.add('0 * * * *')
  at.clock.set('2026-11-23T10:30:00Z')
  await at.pass(30 * secondMs)
  expect(await at.one(id)).toMatchObject({ missed: 3, nextAt: Date.parse('2026-11-23T11:00:00Z') })
})

test('a clock that is set back sends nothing again, and goes on with what comes next', async () => {
  await using at = await bench(start)
  const id = await at.add('*/30 * * * *')
  await at.pass(30 * minuteMs)
  await at.endRuns()
  expect(await at.sentAt(id)).toEqual(['2026-11-23T08:00:00.000Z'])
  at.clock.set('2026-11-23T07:15:00Z')
  await at.pass(30 * secondMs)
  expect(await at.one(id)).toMatchObject({ nextAt: Date.parse('2026-11-23T07:30:00Z') })
  await at.pass(15 * minuteMs)
  await at.endRuns()
  await at.pass(30 * minuteMs)
  await at.endRuns()
  // 8:00 was sent in the time that is over.
  expect(await at.sentAt(id)).toEqual(['2026-11-23T07:30:00.000Z', '2026-11-23T08:00:00.000Z'])
  expect(at.woken).toHaveLength(2)
  await at.pass(30 * minuteMs)
  expect(at.woken).toHaveLength(3)
})

test('a clock that is set back while a run is at work misses nothing that was sent', async () => {
  await using at = await bench(start)
  const id = await at.add('*/10 * * * *')
  await at.pass(10 * minuteMs)
  at.clock.set('2026-11-23T07:35:00Z')
  await at.pass(30 * secondMs)
  expect(await at.one(id)).toMatchObject({ nextAt: Date.parse('2026-11-23T07:40:00Z') })
  // 7:40 was sent, 7:50 was not.
  await at.pass(5 * minuteMs)
  expect(await at.one(id)).toMatchObject({ missed: 0, nextAt: Date.parse('2026-11-23T07:50:00Z') })
  expect(at.schedules.stats()).toMatchObject({ sent: 1, missed: 0 })
  await at.pass(10 * minuteMs)
  expect(await at.one(id)).toMatchObject({ missed: 1, missedAt: [Date.parse('2026-11-23T07:50:00Z')] })
})

test('one whose last run is still at work waits for its next time', async () => {
  await using at = await bench(start)
  const id = await at.add('*/10 * * * *')
  await at.pass(10 * minuteMs)
  await at.pass(10 * minuteMs)
  expect(await at.sentAt(id)).toEqual(['2026-11-23T07:40:00.000Z'])
  expect(await at.one(id)).toMatchObject({ missed: 1, nextAt: Date.parse('2026-11-23T08:00:00Z') })
  await at.endRuns('failed')
  await at.pass(10 * minuteMs)
  expect(await at.sentAt(id)).toEqual(['2026-11-23T07:40:00.000Z', '2026-11-23T08:00:00.000Z'])
  expect(at.schedules.stats()).toMatchObject({ sent: 2, missed: 1, failed: 1 })
})

test('of a hundred that are due at once each has its turn before any has a second', async () => {
  await using at = await bench(start, { 'schedule.maxRuns': 4 })
  await Promise.all(Array.from({ length: 100 }, (_, number) => at.add('*/10 * * * *', { name: `n${number}` })))
  await expect(at.add('0 0 * * *')).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('100') })
  await at.pass(10 * minuteMs)
  expect(at.woken).toHaveLength(4)
  // Each round takes so long that the first are due again long before the last had their turn.
  for (let round = 0; at.woken.length < 100; round++) {
    expect(round).toBeLessThan(26)
    expect(await at.endRuns()).toBeLessThanOrEqual(4)
    at.clock.advance(2 * minuteMs)
    await at.schedules.start()
  }
  const first = (await at.schedules.list()).map(({ lastRun }) => lastRun?.dueAt)
  expect(new Set(first)).toEqual(new Set([Date.parse('2026-11-23T07:40:00Z')]))
  expect(at.woken).toHaveLength(100)
  await at.endRuns()
  expect(at.woken.length).toBeGreaterThan(100)
})

test('one whose token or session is gone is paused, and says so', async () => {
  await using at = await bench(start)
  await at.store.createSession({ id: 's', senderId: 'ada', channel: 'test', at: 1 })
  const inSession = await at.add('0 8 * * *', { sessionId: 's', name: 'In it' })
  const free = await at.add('0 9 * * *', { name: 'Free' })
  await at.store.deleteSession({ sessionId: 's', at: 2, cut: { messageId: 'cut' } })
  // Of a zone that this machine does not know any more.
  const { nextAt: _next, paused: _none, missed: _zero, missedAt: _empty, lastRun: _no, ...row } = await at.one(free)
  const lost = { ...row, id: 'lost', timezone: 'Mars/Olympus', nextAt: Date.parse('2026-11-23T07:50:00Z') }
  await at.store.addSchedule({ ...lost, name: 'Lost' })
  await at.pass(30 * minuteMs)
  expect(await at.one(inSession)).toMatchObject({ paused: expect.stringContaining('session was deleted') })
  at.scopes.delete('chat')
  await at.pass(hourMs)
  expect(await at.one(free)).toMatchObject({ paused: expect.stringContaining('revoked'), missed: 0 })
  expect(at.woken).toEqual([])
  expect(await at.one('lost')).toMatchObject({ paused: expect.stringContaining('Mars/Olympus') })
  expect(at.schedules.stats()).toMatchObject({
    paused: 3,
    stopped: [{ name: 'Lost' }, { name: 'In it' }, { name: 'Free', reason: expect.any(String) }],
  })
  const by = { tokenId: 'p', channel: 'http', address: undefined, userAgent: undefined } as const
  await expect(at.schedules.pause(free, false, by)).rejects.toMatchObject({ code: 'CONFLICT' })
  at.scopes.add('chat')
  expect(await at.schedules.pause(free, false, by)).toMatchObject({
    paused: null,
    nextAt: Date.parse('2026-11-24T09:00:00Z'),
  })
})

test('the newest hundred runs of each are kept, and of what is over the newest hundred', async () => {
  await using at = await bench(start)
  const id = await at.add('0 8 * * *')
  const fired = Array.from({ length: 105 }, (_, index) => {
    const ids = { messageId: `m${index}`, runId: `r${index}`, newSessionId: `s${index}` }
    const step = { id, from: null, nextAt: null, dueAt: index, cause: 'manual', at: index } as const
    return at.store.fireSchedule({ ...step, ...ids })
  })
  await Promise.all(fired)
  const runs = await at.store.scheduleRuns({ id, limit: 1_000 })
  expect(runs.map(({ dueAt }) => dueAt)).toEqual(Array.from({ length: 100 }, (_, index) => 104 - index))
  const { nextAt: _next, paused: _paused, missed: _missed, missedAt: _times, lastRun: _run, ...row } = await at.one(id)
  const over = Array.from({ length: 105 }, (_, index) => {
    const times = { cron: null, onceAt: index, nextAt: null, createdAt: index }
    return at.store.addSchedule({ ...row, ...times, id: `over-${index}` })
  })
  await Promise.all(over)
  const left = (await at.schedules.list()).filter(({ nextAt }) => nextAt === null)
  expect(left.map(found => found.id)).toEqual(Array.from({ length: 100 }, (_, index) => `over-${index + 5}`))
  await at.schedules.remove(id)
  expect(await at.store.scheduleRuns({ id, limit: 9 })).toEqual([])
})
