import { expect, test } from 'vitest'
import type { ReplyPayload } from '../../src/protocol/messages.ts'
import { askingGateway, notingTool } from '../server/tools/approvals/waiting.ts'
import { newHome, runCommand } from './command.ts'

type Listed = ReplyPayload<'approval.list'>

test('talon approvals shows what waits, allows, denies and revokes it', async () => {
  const home = newHome()
  const { tool, ran } = notingTool()
  await using gateway = await askingGateway([tool], { home })
  const say = (...argv: string[]) => runCommand(['approvals', ...argv], { home })
  const listed = async (): Promise<Listed> => JSON.parse((await say('list', '--json')).out)
  const running = async (text: string) => {
    const result = gateway.app.tools.run({ toolName: 'note_it', args: { text }, tokenId: null })
    await expect.poll(async () => (await listed()).approvals.length, { timeout: 20_000 }).toBe(1)
    const [approval] = (await listed()).approvals
    return { result, id: approval?.approvalId ?? '' }
  }
  const empty = await say()
  expect(empty).toMatchObject({ exitCode: 0, out: '', err: 'Nothing waits for a person.\n' })

  const first = await running('a\u001b[2J')
  const shown = await say()
  expect(shown.out).toContain(`${first.id}  note_it  (`)
  expect(shown.out).toContain('"text":"a')
  expect(shown.out).not.toContain('\u001b')
  expect(await say('deny', first.id)).toMatchObject({ exitCode: 0, err: 'It is denied.\n' })
  expect(await first.result).toMatchObject({ success: false, decision: { by: 'cli' } })

  const second = await running('b')
  // The end of an id is enough.
  const allowed = await say('allow', second.id.slice(-8), '--remember', 'always', '--json')
  expect(JSON.parse(allowed.out)).toMatchObject({ approvalId: second.id, decision: 'allow' })
  expect(await second.result).toMatchObject({ success: true })
  const { out } = await say()
  expect(out).toMatch(/^Allowed beyond one call:\ngrant_\S+ {2}note_it {"text":"b"}\n {2}always, by token cli, 20/)

  const [grant] = (await listed()).grants
  expect(await say('revoke', grant?.id ?? '')).toMatchObject({ exitCode: 0 })
  expect((await listed()).grants).toEqual([])
  const gone = await say('allow', second.id)
  expect(gone).toMatchObject({ exitCode: 1, err: 'This call was allowed already.\n' })
  expect((await say('revoke', 'none')).err).toContain('There is no such grant')
  expect(ran).toEqual([{ text: 'b' }])
})

test('talon token create binds what tools may do for a token', async () => {
  const home = newHome()
  await using gateway = await askingGateway([], { home })
  const made = await runCommand(
    ['token', 'create', '--name', 'phone', '--scope', 'tools', '--profile', 'read-only', '--json'],
    { home },
  )
  const { id } = JSON.parse(made.out)
  expect(await gateway.app.auth.profileOf(id)).toBe('read-only')
  expect((await runCommand(['token', 'list'], { home })).out).toContain('tools (tools: read-only)')
})
