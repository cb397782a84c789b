import { expect, test } from 'vitest'
import { testGateway } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'

test('talon schedule adds, shows, runs, pauses, resumes and removes', async () => {
  const home = newHome()
  await using gateway = await testGateway({ home })
  const say = (...argv: string[]) => runCommand(['schedule', ...argv], { home })
  expect(await say()).toMatchObject({ exitCode: 0, out: '', err: expect.stringContaining('Nothing is scheduled') })
  const zone = ['--timezone', 'Europe/Berlin']
  const added = await say('add', 'Look at the notes.', '--cron', '0 8 1 1 *', ...zone, '--name', 'Notes\u001b[2J')
  expect(added).toMatchObject({ exitCode: 0, err: expect.stringContaining('It is scheduled as Notes[2J. It comes at') })
  const id = added.out.trim()
  const once = JSON.parse((await say('add', 'Once.', '--at', '2099-01-01T08:00', ...zone, '--json')).out)
  expect(once.schedule).toMatchObject({ name: 'Once.', tokenId: 'cli', cron: null })
  const listed = await say()
  expect(listed.out).toContain('0 8 1 1 * Europe/Berlin')
  expect(listed.out).not.toContain('\u001b')
  expect(JSON.parse((await say('list', '--json')).out).schedules).toHaveLength(2)

  const ran = await say('run', id.slice(-10), '--json')
  const { sessionId, runId } = JSON.parse(ran.out)
  await expect.poll(async () => (await gateway.app.store.getRun(runId))?.state, { timeout: 30_000 }).toBe('done')
  expect((await say('runs', id)).out).toMatch(new RegExp(`manual +done +${sessionId}`))
  expect(await say('pause', id)).toMatchObject({ exitCode: 0, err: 'It is paused.\n' })
  expect((await say()).out).toContain('is paused: A person paused it.')
  expect(await say('resume', id)).toMatchObject({ exitCode: 0, err: 'It goes on.\n' })
  expect(await say('remove', 'Once.')).toMatchObject({ exitCode: 0, err: 'It is removed.\n' })
  expect(await say('remove', 'Once.')).toMatchObject({ exitCode: 1, err: expect.stringContaining('Nothing scheduled') })
  expect(await say('add', 'x', '--cron', 'soon')).toMatchObject({ exitCode: 1, err: expect.stringContaining('five') })
})
