import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { newHome, runCommand, startCommand } from './command.ts'

describe('talon search', () => {
  let gateway: TestGateway
  let sessionId: string
  beforeAll(async () => {
    gateway = await testGateway()
    const client = gateway.client()
    ;({ sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'cli', title: 'Zoo visit' }))
    for (const text of ['the red panda sleeps', 'the panda is red', 'bell\u0007 \u001b[2J panda']) {
      await client.request('session.send_message', { sessionId, text })
    }
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  const search = (...words: string[]) => runCommand(['search', ...words], { home: gateway.home })
  const count = async (...words: string[]) => JSON.parse((await search('--json', ...words)).out).hits.length

  it('prints where each hit is and what stands there', async () => {
    const { exitCode, out, err } = await search('"red panda"', '--limit', '5')
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    const [place, snippet] = out.split('\n')
    expect(place).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d {2}user in cli, Zoo visit {2}sess_\S+ #\d+$/)
    expect(place).toContain(sessionId)
    expect(snippet).toBe('  the red panda sleeps')
  })

  it('takes a query as one argument, or words of which those with spaces are phrases', async () => {
    expect(await count('red panda role:user')).toBe(2)
    expect(await count('red', 'panda', 'role:user')).toBe(2)
    expect(await count('red panda', 'role:user')).toBe(1)
    expect(await count('panda role:user -sleeps')).toBe(2)
    expect(await count('--', 'panda', 'role:user', '-sleeps')).toBe(2)
    expect(await count('panda', 'role:user', '--session', sessionId, '--limit', '1')).toBe(1)
  })

  it('marks in bold what was found on a terminal that has colours, and nothing else commands it', async () => {
    const shown = async (env: Record<string, string> = {}) => {
      const command = startCommand(['search', 'bell panda role:user'], { home: gateway.home, env })
      command.context.stdout.isTTY = true
      await command.exitCode
      return command.out().split('\n')[1]
    }
    expect(await shown()).toBe('  \u001b[1mbell\u001b[22m [2J \u001b[1mpanda\u001b[22m')
    expect(await shown({ NO_COLOR: '1' })).toBe('  bell [2J panda')
  })

  it('says that nothing was found, and what is wrong with a query', async () => {
    expect(await search('walrus')).toEqual({ exitCode: 0, out: '', err: 'Nothing was found.\n' })
    expect(JSON.parse((await search('walrus', '--json')).out)).toEqual({ hits: [], unindexed: 0 })
    expect(await search('before:soon')).toMatchObject({ exitCode: 1, err: expect.stringContaining('is no date') })
    expect(await search('panda', '--session', 'none')).toMatchObject({ exitCode: 1, err: 'Session not found\n' })
    expect(await search('panda', '--limit', '0')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('1 to 100'),
    })
    expect(await search()).toMatchObject({ exitCode: 2 })
  })

  it('says how to start a gateway where none runs', async () => {
    expect(await runCommand(['search', 'panda'], { home: newHome() })).toMatchObject({
      exitCode: 3,
      err: expect.stringContaining('talon start'),
    })
  })
})
