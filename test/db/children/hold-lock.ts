import { acquireLock } from '../../../src/db/sqlite/lock.ts'

// Holds the lock of a data folder until it is told to release it, or killed.
const [home = ''] = process.argv.slice(2)
const lock = acquireLock(home, {
  pid: process.pid,
  bootId: 'boot',
  version: '0.4.0',
  host: '127.0.0.1',
  port: 0,
  startedAt: 1,
})
lock.update({ port: 4321 })
process.stdout.write('held\n')
process.stdin.once('data', () => {
  lock.release()
  process.exit(0)
})
