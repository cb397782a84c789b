import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { listenToStopSignals } from '../../src/cli/signals.ts'

it('takes a signal and its echoes for one, and a later one for a second', () => {
  let now = 0
  let calls = 0
  const source = new EventEmitter()
  const stop = listenToStopSignals(source, { now: () => now, monotonic: () => now })(() => calls++)
  source.emit('SIGINT')
  now = 20
  source.emit('SIGINT')
  expect(calls).toBe(1)
  now = 500
  source.emit('SIGTERM')
  expect(calls).toBe(2)
  stop()
  expect(source.eventNames()).toEqual([])
})
