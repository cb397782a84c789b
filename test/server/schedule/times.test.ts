import { expect, test } from 'vitest'
import { foresee, missedUntil, timesOf } from '../../../src/server/schedule/times.ts'

const minuteMs = 60_000

/** The first due times after a moment, in UTC. */
async function times(cron: string, timezone: string, from: string, count: number): Promise<string[]> {
  const { after } = await timesOf({ cron, onceAt: null, timezone })
  const found: string[] = []
  for (let due = after(Date.parse(from)); due !== null && found.length < count; due = after(due)) {
    found.push(new Date(due).toISOString().slice(0, 16))
  }
  return found
}

test.each([
  // Clocks go from 2:00 to 3:00: the time that is not there comes as soon as it can.
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30', '2026-03-31T00:30']],
  ['30 2 * * *', 'America/New_York', '2026-03-07T20:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
  // And back from 3:00 to 2:00: the time that is there twice comes once.
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
  ['30 1 * * *', 'America/New_York', '2026-10-31T20:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
  // What comes again and again goes on through both.
  ['0 * * * *', 'Europe/Berlin', '2026-03-28T23:30Z', ['2026-03-29T00:00', '2026-03-29T01:00', '2026-03-29T02:00']],
  ['0 * * * *', 'America/New_York', '2026-11-01T04:30Z', ['2026-11-01T05:00', '2026-11-01T06:00', '2026-11-01T07:00']],
  // Eight in the morning stays eight in the morning.
  ['0 8 * * 1-5', 'Europe/Berlin', '2026-10-22T12:00Z', ['2026-10-23T06:00', '2026-10-26T07:00']],
  ['0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', ['2028-02-29T00:00']],
  ['@daily', 'America/New_York', '2026-11-23T12:00Z', ['2026-11-24T05:00']],
])('%s in %s after %s', async (cron, timezone, from, expected) => {
  expect(await times(cron, timezone, from, expected.length)).toEqual(expected)
})

const now = Date.parse('2026-11-23T12:00:00Z')

test('a moment is read in its time zone unless it names another', async () => {
  const at = async (text: string | number, timezone = 'Europe/Berlin') =>
    new Date((await foresee({ at: text, timezone }, 'UTC', now)).onceAt ?? 0).toISOString()
  expect(await at('2026-11-24T08:00')).toBe('2026-11-24T07:00:00.000Z')
  expect(await at('2026-11-24T08:00:30', 'America/New_York')).toBe('2026-11-24T13:00:30.000Z')
  expect(await at('2026-11-24T08:00:00Z')).toBe('2026-11-24T08:00:00.000Z')
  expect(await at('2026-11-24T08:00:00+05:30')).toBe('2026-11-24T02:30:00.000Z')
  expect(await at(now + 5)).toBe('2026-11-23T12:00:00.005Z')
})

test.each([
  [{ cron: '61 * * * *' }, 'minute'],
  [{ cron: '* * * * * *' }, 'It has five fields'],
  [{ cron: 'every day' }, '"0 8 * * 1-5" is 8:00'],
  [{ cron: '@reboot' }, 'It has five fields'],
  [{ cron: '0 0 30 2 *' }, 'names no day that ever comes'],
  [{ cron: '0 8 * * *', timezone: 'Mars/Olympus' }, 'Europe/Berlin'],
  [{ at: 'tomorrow' }, '2026-11-24T08:00'],
  [{ at: '2026-13-45T08:00' }, 'is no moment'],
  [{ at: '2025-01-01T00:00' }, 'is over. It is 2026-11-23T12:00'],
  [{ at: '2026-11-24T08:00', cron: '0 8 * * *' }, 'either "cron"'],
  [{}, 'either "cron"'],
])('%j is refused in words that help', async (wanted, words) => {
  await expect(foresee(wanted, 'UTC', now)).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringContaining(words),
  })
})

test('missed times are counted up to a bound, and the newest of them are kept', async () => {
  const daily = await timesOf({ cron: '0 8 * * *', onceAt: null, timezone: 'UTC' })
  const from = Date.parse('2026-11-20T08:00:00Z')
  const missed = await missedUntil(daily, from, now)
  expect(missed).toMatchObject({ count: 4, nextAt: Date.parse('2026-11-24T08:00:00Z') })
  expect(missed.times).toHaveLength(4)
  const often = await timesOf({ cron: '* * * * *', onceAt: null, timezone: 'UTC' })
  const many = await missedUntil(often, now - 10_000 * minuteMs, now)
  expect(many).toMatchObject({ count: 500, nextAt: now + minuteMs })
  expect(many.times).toHaveLength(10)
  expect(await missedUntil(often, null, now)).toEqual({ count: 0, times: [], nextAt: null })
})
