import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { processStart } from '../../src/db/process-start.ts'
import { acquireLock, lockHolder } from '../../src/db/sqlite/lock.ts'
import { temporaryHome } from '../support/store.ts'

let place: ReturnType<typeof temporaryHome>
let child: ChildProcess | undefined

beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => {
  child?.kill('SIGKILL')
  child = undefined
  place.remove()
})

const holder = { pid: process.pid, bootId: 'b', version: '0.4.0', host: '127.0.0.1', port: 0, startedAt: 1 }

async function holdInChild(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./children/hold-lock.ts', import.meta.url))
  child = spawn(process.execPath, [script, place.home], { stdio: ['pipe', 'pipe', 'inherit'] })
  if (child.stdout) await once(child.stdout, 'data')
  return child
}

test('a second gateway is told which process has the folder, where, and what to do', async () => {
  const { pid } = await holdInChild()
  expect(() => acquireLock(place.home, holder)).toThrow(
    expect.objectContaining({
      code: 'STORAGE_UNAVAILABLE',
      extras: expect.objectContaining({ details: { pid, port: 4321 } }),
    }),
  )
  expect(() => acquireLock(place.home, holder)).toThrow(
    new RegExp(
      `Process ${pid} already uses .* serves port 4321\\. Stop it first \\(talon stop\\), or .*another data folder`,
    ),
  )
  expect(() => acquireLock(place.home, { ...holder, host: '' })).toThrow(/ Stop it first: talon stop$/)
  expect(lockHolder(place.home)).toMatchObject({ pid, port: 4321 })
})

test('the kernel frees the lock of a process that was killed', async () => {
  const held = await holdInChild()
  held.kill('SIGKILL')
  await once(held, 'exit')
  expect(lockHolder(place.home)).toBeUndefined()
  acquireLock(place.home, holder).release()
})

test('a released lock leaves no word of its holder and can be taken again', async () => {
  const held = await holdInChild()
  held.stdin?.write('release')
  await once(held, 'exit')
  expect(existsSync(join(place.home, 'run', 'gateway.json'))).toBe(false)
  const lock = acquireLock(place.home, holder)
  expect(() => acquireLock(place.home, holder)).toThrow('already uses')
  lock.release()
  lock.release()
  expect(lockHolder(place.home)).toBeUndefined()
})

test('its file says who holds it, is replaced whole, and is for its owner only', () => {
  const lock = acquireLock(place.home, holder)
  lock.update({ port: 8080, host: '0.0.0.0' })
  const file = join(place.home, 'run', 'gateway.json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    ...{ ...holder, port: 8080, host: '0.0.0.0' },
    processStart: processStart(process.pid),
  })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(place.home, 'run')).mode & 0o777).toBe(0o700)
  expect(readdirSync(join(place.home, 'run')).sort()).toEqual(['gateway.json', 'gateway.lock'])
  lock.release()
})

test('a folder that was never used is not locked', () => {
  expect(lockHolder(place.home)).toBeUndefined()
})
