import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryHome } from '../support/store.ts'

const child = fileURLToPath(new URL('./children/migrate-on-full-disk.ts', import.meta.url))
// A disk of its own in a name space of its own, which ends with the process.
const mounted = 'mount -t tmpfs -o size=100m talon-test "$1" && shift && exec "$@"'

test('an upgrade on a full disk changes nothing, says so, and is made when there is room', async context => {
  const { home, remove } = temporaryHome()
  onTestFinished(remove)
  const on = ['-m', 'sh', '-c', mounted, 'sh', home]
  if (spawnSync('unshare', [...on, 'true']).status !== 0) context.skip('mounting is not permitted here')
  const { stdout } = await promisify(execFile)('unshare', [...on, process.execPath, child, home])
  const { noBackup, noUpgrade, room } = JSON.parse(stdout)
  expect(noBackup).toEqual({ message: expect.stringMatching(/did not begin/), verdict: 'ok', same: true })
  expect(noUpgrade).toEqual({
    message: expect.stringMatching(/changed nothing: .*disk is full\..*backup of it: .*Free as much space/),
    verdict: 'ok',
    same: true,
  })
  expect(room).toMatchObject({ message: ['9001-more'], verdict: 'ok' })
}, 60_000)
