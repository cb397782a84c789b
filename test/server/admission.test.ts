import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Config, resolveConfig } from '../../src/server/config.ts'
import { createLanes, freePerTurn, pauseAbove } from '../../src/server/limits/lanes.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'

const config: Config = resolveConfig({ home: '/nowhere', env: {} }, undefined).values
const still = { pause: () => undefined, resume: () => undefined }

/** A clock that a test turns. */
function handClock() {
  const clock = { at: 0, monotonic: () => clock.at }
  return clock
}

describe('the turns of connections', () => {
  const costMs = 0.05

  /** The time from the arrival of a calm request to the end of its work, p99, where each one takes the same time. */
  async function p99OfCalm(hotRequests: number): Promise<number> {
    const clock = handClock()
    const lanes = createLanes({ clock, config })
    const hot = lanes.open(still)
    const calm = Array.from({ length: 20 }, () => lanes.open(still))
    let served = 0
    const times: number[] = []
    const work = () => {
      served += 1
      clock.at += costMs
    }
    const refuse = (error: Error) => {
      throw error
    }
    for (let round = 0; round < 50; round += 1) {
      // All of it lies in the sockets when the loop comes by, that of the hot one first.
      const arrivedAt = clock.at
      for (let count = 0; count < hotRequests && lanes.waiting() < 3_000; count += 1) hot.run(work, refuse)
      for (const lane of calm) {
        lane.run(() => {
          work()
          times.push(clock.at - arrivedAt)
        }, refuse)
      }
      await nextTurn()
    }
    while (lanes.waiting() > 0) await nextTurn()
    expect(times).toHaveLength(50 * calm.length)
    if (hotRequests > 0) expect(served).toBeGreaterThan(50 * calm.length + 1_000)
    return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
  }

  test('leave the p99 of twenty calm ones within twice of what it was beside a hot one', async () => {
    const alone = await p99OfCalm(0)
    const besideHot = await p99OfCalm(900)
    expect(besideHot).toBeLessThanOrEqual(2 * alone)
  })

  test('end soon, however many connections wait, so that other events have theirs', async () => {
    const clock = handClock()
    const lanes = createLanes({ clock, config })
    const served = new Map<number, number>()
    for (let index = 0; index < 500; index += 1) {
      const lane = lanes.open(still)
      for (let count = 0; count < freePerTurn + 8; count += 1) {
        lane.run(
          () => {
            clock.at += costMs
            served.set(index, (served.get(index) ?? 0) + 1)
          },
          () => expect.unreachable(),
        )
      }
    }
    while (lanes.waiting() > 0) {
      const before = clock.at
      await nextTurn()
      expect(clock.at - before).toBeLessThan(5)
      const counts = [...served.values()]
      // Whoever was not reached in this turn is the first of the next.
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4)
    }
  })

  test('are taken round-robin by those that wait, each in its own order', async () => {
    const lanes = createLanes({ clock: handClock(), config })
    const served: string[] = []
    for (const name of ['a', 'b', 'c']) {
      const lane = lanes.open(still)
      for (let count = 0; count < freePerTurn + 40; count += 1) {
        lane.run(
          () => void served.push(`${name}${count}`),
          () => undefined,
        )
      }
    }
    while (lanes.waiting() > 0) await nextTurn()
    const late = served.slice(3 * freePerTurn)
    for (let from = 0; from < late.length; from += 12) {
      expect(new Set(late.slice(from, from + 12).map(text => text.slice(0, 1))).size).toBe(3)
    }
    const own = served.filter(text => text.startsWith('b')).map(text => Number(text.slice(1)))
    expect(own).toEqual(own.toSorted((a, b) => a - b))
  })

  test('stop reading from a connection that sends too much, and go on when there is room', async () => {
    const flow: string[] = []
    const lanes = createLanes({ clock: handClock(), config })
    const lane = lanes.open({ pause: () => flow.push('pause'), resume: () => flow.push('resume') })
    const work = () => undefined
    for (let count = 0; count < freePerTurn + pauseAbove - 1; count += 1) lane.run(work, work)
    expect(flow).toEqual([])
    lane.run(work, work)
    expect(flow).toEqual(['pause'])
    while (lanes.waiting() > 0) await nextTurn()
    expect(flow).toEqual(['pause', 'resume'])
  })

  test('are refused with TIMEOUT to what waited too long, and with OVERLOADED to what is too much', async () => {
    const clock = handClock()
    const lanes = createLanes({ clock, config })
    const lane = lanes.open(still)
    const codes: string[] = []
    let served = 0
    const run = () =>
      lane.run(
        () => {
          served += 1
        },
        error => codes.push(error.code),
      )
    for (let count = 0; count < 10_000; count += 1) run()
    const waiting = lane.waiting()
    expect(codes).toEqual(Array.from({ length: 10_000 - freePerTurn - waiting }, () => 'OVERLOADED'))
    codes.length = 0
    clock.at += config['limits.requestDeadlineMs'] + 1
    while (lanes.waiting() > 0) await nextTurn()
    expect(served).toBe(freePerTurn)
    expect(codes).toEqual(Array.from({ length: waiting }, () => 'TIMEOUT'))
  })

  test('are forgotten with the connection', async () => {
    const lanes = createLanes({ clock: handClock(), config })
    const lane = lanes.open(still)
    let served = 0
    for (let count = 0; count < 50; count += 1)
      lane.run(
        () => {
          served += 1
        },
        () => expect.unreachable(),
      )
    lane.close()
    expect(lanes.waiting()).toBe(0)
    await nextTurn()
    expect(served).toBe(freePerTurn)
  })
})

test('a connection that sends thousands at once is answered in full and in order, and others meanwhile', async () => {
  await using gateway = await testGateway()
  using hot = await rawSocket(gateway.port, { token: testToken })
  const calm = await Promise.all(Array.from({ length: 20 }, () => rawSocket(gateway.port, { token: testToken })))
  const from = hot.frames.length
  const ids = Array.from({ length: 5_000 }, () => hot.send('ping'))
  const last = hot.until(frame => frame.replyTo === ids.at(-1))
  for (const socket of calm) expect((await socket.ask('ping')).type).toBe('pong')
  await last
  const replies = hot.frames.slice(from).filter(frame => frame.replyTo !== undefined)
  expect(replies.map(frame => frame.type).filter(type => type !== 'pong')).toEqual([])
  expect(replies.map(frame => frame.replyTo)).toEqual(ids)
  for (const socket of calm) socket[Symbol.dispose]()
})
