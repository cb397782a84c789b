import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import {
  type ProviderRequest,
  type Script,
  type ScriptedProvider,
  scriptedProvider,
} from '../../support/scripted-provider.ts'
import { writeConfig } from './config.ts'
import { converse, rows } from './conversation.ts'

// The smallest window that can be configured: 1,000 tokens hold 1,800 characters of conversation.
const smallWindow = { id: 'small', contextTokens: 1_000 }
const windowCharacters = 1_800
const paragraph = 'x'.repeat(200)

test('the log beyond the window is summed up in the words of the model, and the summary is told from then on', async () => {
  const { provider, home } = await prepare(request => ({
    steps: [isSummary(request) ? 'They spoke of x.' : `answer ${paragraph}`],
  }))
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  for (let turn = 1; turn <= 14; turn++) await talk.ask(`turn ${turn} ${paragraph}`)
  const conversations = provider.requests.filter(request => !isSummary(request))
  for (const { body } of conversations) expect(spoken(body).length).toBeLessThanOrEqual(windowCharacters + 1_000)
  const last = conversations.at(-1)
  expect(spokenMessages(last?.body).at(-1)).toContain('turn 14 ')
  expect(last?.text).not.toContain('turn 1 ')
  expect(last?.text).toContain('They spoke of x.')
  // What is summed up has to fit the same window.
  const summaries = provider.requests.filter(isSummary)
  expect(summaries.length).toBeGreaterThan(0)
  for (const { body } of summaries) expect(spoken(body).length).toBeLessThanOrEqual(windowCharacters + 1_000)
  expect(summaries[0]?.text).toContain('turn 1 ')
  expect(rows(gateway, 'SELECT memory_summary AS summary FROM sessions')).toEqual([{ summary: 'They spoke of x.' }])
  // The log keeps everything, whatever the model is told.
  const messages = await talk.messages()
  expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 28 }, (_, index) => index + 1))
  expect(messages[0]?.content).toBe(`turn 1 ${paragraph}`)
})

test('a summary belongs to its epoch: after a reset the model is told nothing of before', async () => {
  const { provider, home } = await prepare(request => ({
    steps: [isSummary(request) ? 'A secret of before.' : paragraph],
  }))
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  for (let turn = 1; turn <= 12; turn++) await talk.ask(`old ${turn} ${paragraph}`)
  expect(provider.requests.some(isSummary)).toBe(true)
  await talk.client.request('session.reset', { sessionId: talk.sessionId })
  await talk.ask('a new start')
  expect(provider.requests.at(-1)?.text).not.toMatch(/A secret of before|old \d/)
})

test('a summary that fails costs nothing: the answer is there and the next message is answered', async () => {
  const { home } = await prepare(request => (isSummary(request) ? { status: 400 } : { steps: [paragraph] }))
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  for (let turn = 1; turn <= 12; turn++)
    expect(await talk.ask(`turn ${turn} ${paragraph}`)).toMatchObject({ state: 'done' })
  expect(rows(gateway, 'SELECT memory_summary AS summary FROM sessions')).toEqual([{ summary: null }])
})

test("a message that is longer than the window is told to the model in whole, because it is the run's own", async () => {
  const { provider, home } = await prepare(() => ({ steps: ['ok'] }))
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  await talk.ask('short')
  const long = 'y'.repeat(5_000)
  await talk.ask(long)
  expect(spokenMessages(provider.requests.at(-1)?.body)).toEqual([long])
})

test('a tool call that was interrupted is repaired for the model, and the log stays as it was', async () => {
  const { provider, home } = await prepare((_request, index) =>
    index === 0
      ? { steps: [{ toolCall: { id: 'c1', name: 'file_list', args: '{}' } }], reason: 'tool_calls' }
      : { steps: ['ok'] },
  )
  const before = await testGateway({ home })
  const talk = await converse(before)
  const { sessionId } = talk
  expect(await talk.ask('list')).toMatchObject({ state: 'done' })
  await before[Symbol.asyncDispose]()
  removeToolResult(home, sessionId)
  await using gateway = await testGateway({ home })
  const client = gateway.client()
  const done = new Promise(resolve => client.on('run.finished', ({ state }) => resolve(state)))
  await client.request('session.send_message', { sessionId, text: 'go on' })
  expect(await done).toBe('done')
  const { body } = provider.requests.at(-1) ?? { body: undefined }
  const roles = (body?.messages ?? []).map(({ role }) => role)
  const call = roles.indexOf('assistant')
  expect(roles[call + 1]).toBe('tool')
  expect(JSON.stringify(body)).toContain('No result: the run was interrupted.')
  const { messages } = await client.request('session.history', { sessionId })
  expect(messages.filter(({ role }) => role === 'tool')).toEqual([])
})

test('the system prompt is read from its file at each run, and a default stands in for a missing one', async () => {
  const { provider, home } = await prepare(() => ({ steps: ['ok'] }))
  await using gateway = await testGateway({ home })
  const talk = await converse(gateway)
  await talk.ask('one')
  writeFileSync(join(home, 'prompt.md'), 'You are a pirate.\n')
  await talk.ask('two')
  writeFileSync(join(home, 'prompt.md'), '\n')
  await talk.ask('three')
  const prompts = provider.requests.map(({ body }) => body.messages.find(({ role }) => role === 'system')?.['content'])
  expect(prompts).toEqual([
    expect.stringContaining('assistant'),
    'You are a pirate.',
    expect.stringContaining('assistant'),
  ])
})

async function prepare(script: Script): Promise<{ provider: ScriptedProvider; home: string }> {
  const provider = await scriptedProvider(script)
  onTestFinished(() => provider.close())
  return { provider, home: await writeConfig({ providers: [{ provider, models: [smallWindow] }] }) }
}

/** The gateway asks for a summary without any tools. */
function isSummary({ body }: ProviderRequest): boolean {
  return !('tools' in body)
}

function spokenMessages(body: ProviderRequest['body'] | undefined): string[] {
  return (body?.messages ?? []).filter(({ role }) => role !== 'system').map(({ content }) => String(content))
}

function spoken(body: ProviderRequest['body']): string {
  return spokenMessages(body).join('')
}

/** Moves the log back to the moment between a call and its result, as a kill there leaves it. */
function removeToolResult(home: string, sessionId: string): void {
  const database = new Database(join(home, 'gateway.db'))
  database.prepare("DELETE FROM messages WHERE session_id = ? AND role = 'tool'").run(sessionId)
  database.close()
}
