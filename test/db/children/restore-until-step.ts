import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

// Restores a backup and kills itself right before the step of this number that changes something on disk.
const [home = '', file = '', migrationsDir = '', lastStep = ''] = process.argv.slice(2)
let steps = Number.NEGATIVE_INFINITY

function count<Args extends unknown[], Result>(change: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    if (++steps > Number(lastStep)) process.kill(process.pid, 'SIGKILL')
    return change(...args)
  }
}

Object.assign(fs, {
  renameSync: count(fs.renameSync),
  rmSync: count(fs.rmSync),
  writeFileSync: count(fs.writeFileSync),
  fsyncSync: count(fs.fsyncSync),
})
syncBuiltinESMExports()
const { acquireLock } = await import('../../../src/db/sqlite/lock.ts')
const { restore } = await import('../../../src/db/sqlite/restore.ts')
const lock = acquireLock(home, { pid: process.pid, bootId: 'b', version: '0', host: '', port: 0, startedAt: 1 })
steps = 0
process.stdout.write('begun\n')
await restore({ home, file, migrationsDir, checksum: true, now: Date.UTC(2026, 1, 19, 12) })
lock.release()
