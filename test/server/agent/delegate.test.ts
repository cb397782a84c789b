import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import {
  type ProviderRequest,
  type Reply,
  type ScriptedProvider,
  scriptedProvider,
} from '../../support/scripted-provider.ts'
import { writeConfig } from './config.ts'
import { type Conversation, converse, rows } from './conversation.ts'

type Answers = (role: string, request: ProviderRequest) => Reply | undefined

const roleOf = (request: ProviderRequest) =>
  /You are an? (\w+)\./.exec(JSON.stringify(request.body.messages[0]))?.[1] ?? ''
const toolsOf = (request: ProviderRequest) =>
  (request.body['tools'] as { function: { name: string } }[] | undefined)?.map(tool => tool.function.name) ?? []
const lastOf = ({ body }: ProviderRequest) => body.messages.at(-1) ?? {}
const isResult = (request: ProviderRequest) => lastOf(request)['role'] === 'tool'
const says = (text: string): Reply => ({ steps: [text] })
const calls = (...args: { role: string; task: string; context?: string; model?: string }[]): Reply => ({
  steps: args.map((of, index) => ({ toolCall: { id: `call_${index}`, name: 'delegate', args: JSON.stringify(of) } })),
  reason: 'tool_calls',
})
const uses = (name: string, args: object): Reply => ({
  steps: [{ toolCall: { id: 'call_t', name, args: JSON.stringify(args) } }],
  reason: 'tool_calls',
})

let provider: ScriptedProvider
let gateway: TestGateway
let answers: Answers = () => undefined

beforeAll(async () => {
  provider = await scriptedProvider(request => answers(roleOf(request), request) ?? says('done'))
  const home = mkdtempSync(join(tmpdir(), 'talon-agent-'))
  const main = { name: 'main', kind: 'openai-compatible', baseUrl: provider.url, apiKey: 'key', models: ['m1'] }
  writeFileSync(join(home, 'talon.json'), JSON.stringify({ agent: { providers: [main], retries: 0 } }))
  gateway = await testGateway({ home })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await provider.close()
  rmSync(gateway.home, { recursive: true, force: true })
})

/** What the model answers from now on, by the role that it is asked in. */
function script(next: Answers): void {
  answers = next
  provider.requests.length = 0
}

/** Changes settings for one test. */
async function set(changes: Record<string, unknown>): Promise<void> {
  const client = gateway.client()
  const { hash } = await client.request('config.get', {})
  await client.request('config.update', { hash, changes })
  onTestFinished(async () => {
    const now = await client.request('config.get', {})
    await client.request('config.update', { hash: now.hash, changes: {}, reset: Object.keys(changes) })
  })
}

/** The sub-runs of a session, newest first. */
async function subRunsOf({ sessionId }: { sessionId: string }): Promise<string[]> {
  const found = rows(
    gateway,
    `SELECT session_id AS id FROM delegations WHERE parent_session_id = '${sessionId}' ORDER BY session_id DESC`,
  )
  return found.map(({ id }) => String(id))
}

async function resultsIn(talk: Conversation): Promise<string[]> {
  return (await talk.messages()).filter(({ role }) => role === 'tool').map(({ content }) => content)
}

test('a sub-run has its own session, prompt and tools, and its answer and usage go back', async () => {
  script((role, request) => {
    if (role === 'researcher') return { steps: ['Port 19789.'], usage: { input: 20, output: 5 } }
    return isResult(request)
      ? says('It is 19789.')
      : calls({ role: 'research', task: '/reset Which port?', context: 'Talon' })
  })
  const talk = await converse(gateway)
  expect(await talk.ask('which port?')).toMatchObject({ state: 'done' })
  const [sub] = (await gateway.client().request('session.list', { channel: 'delegate' })).sessions
  expect(sub).toMatchObject({ senderId: 'ada', title: 'research: /reset Which port?', state: 'idle', messageCount: 2 })
  expect(await resultsIn(talk)).toEqual([`Port 19789.\n\n[research: 25 tokens, session ${sub?.id}]`])
  const { session } = await talk.client.request('session.get', { sessionId: sub?.id ?? '' })
  const parent = { role: 'research', depth: 1, parentSessionId: talk.sessionId, parentRunId: expect.any(String) }
  expect(session).toMatchObject({ channel: 'delegate', tainted: false, profile: null, delegation: parent })
  const [, asked] = provider.requests
  expect(asked?.body.messages).toEqual([
    { role: 'system', content: expect.stringMatching(/^You are a researcher\.[\s\S]+You work alone/) },
    { role: 'user', content: '/reset Which port?\n\nWhat you have to know:\nTalon' },
  ])
  const tools = asked ? toolsOf(asked) : []
  expect(tools).toEqual(expect.arrayContaining(['file_read', 'web_fetch', 'delegate']))
  expect(tools).not.toEqual(expect.arrayContaining(['file_write']))
  expect(tools).not.toEqual(expect.arrayContaining(['shell_execute']))
  // Nothing that a channel says goes into it, but a person may go on with it, in its role.
  const { sessionId } = await talk.client.request('channel.message', {
    channel: 'delegate',
    senderId: 'ada',
    text: 'x',
  })
  expect(sessionId).not.toBe(sub?.id)
  expect(
    rows(gateway, 'SELECT session_id, sum(input_tokens) AS input FROM usage_days GROUP BY 1 HAVING input = 20'),
  ).toEqual([{ session_id: sub?.id, input: 20 }])
})

test('sub-runs of one answer work at the same time, in a gateway of one place', async () => {
  const gate = Promise.withResolvers<void>()
  const arrived: string[] = []
  script((role, request) => {
    if (role === '') {
      return isResult(request) ? says('both') : calls({ role: 'critic', task: 'a' }, { role: 'planner', task: 'b' })
    }
    arrived.push(role)
    if (arrived.length === 2) gate.resolve()
    return { steps: [gate.promise, `by the ${role}`] }
  })
  await set({ 'agent.maxRuns': 1, 'tools.maxConcurrent': 1 })
  const talk = await converse(gateway)
  expect(await talk.ask('go')).toMatchObject({ state: 'done' })
  expect(await resultsIn(talk)).toEqual([
    expect.stringContaining('by the critic'),
    expect.stringContaining('by the planner'),
  ])
})

test('sub-runs are nested so deep and no deeper, with no more tools than whoever asks', async () => {
  script((role, request) => {
    if (isResult(request)) return says(`${role || 'top'} heard: ${String(lastOf(request)['content'])}`)
    if (role === '') return calls({ role: 'writer', task: 'write' })
    if (role === 'writer') return calls({ role: 'research', task: 'look' })
    // It is not told of the tool, and calls it all the same.
    return calls({ role: 'planner', task: 'again' })
  })
  const talk = await converse(gateway)
  await talk.ask('go')
  const [result = ''] = await resultsIn(talk)
  expect(result).toContain('writer heard: researcher heard: Error: Sub-runs are nested 2 deep at most')
  const offered = Object.fromEntries(provider.requests.map(request => [roleOf(request), toolsOf(request)]))
  expect(offered['writer']).toEqual(expect.arrayContaining(['delegate', 'file_write']))
  expect(offered['researcher']).toContain('file_read')
  for (const name of ['delegate', 'web_fetch', 'file_write']) expect(offered['researcher']).not.toContain(name)
  const depths = rows(gateway, 'SELECT depth, role FROM delegations ORDER BY session_id DESC LIMIT 2')
  expect(depths).toEqual([
    { depth: 2, role: 'research' },
    { depth: 1, role: 'writer' },
  ])
})

test('what a role has no tools for is denied, and no sub-run may do more than whoever asks', async () => {
  script((role, request) => {
    if (isResult(request)) return says(String(lastOf(request)['content']))
    if (role !== '') return uses('file_write', { path: 'a.txt', content: 'x' })
    return calls({ role: 'planner', task: 'plan' }, { role: 'writer', task: 'write' })
  })
  const free = await converse(gateway)
  await free.ask('go')
  expect(await resultsIn(free)).toEqual([
    expect.stringContaining('The role of this sub-run has no tools of this kind.'),
    expect.stringContaining('Wrote 1 byte'),
  ])
  const bound = await converse(gateway)
  await bound.client.request('session.update', { sessionId: bound.sessionId, profile: 'read-only' })
  await bound.ask('go')
  expect((await resultsIn(bound))[1]).toContain('The profile "read-only" allows only')
  const [sub] = await subRunsOf(bound)
  // Not even where somebody raises that of the sub-run itself.
  await bound.client.request('session.update', { sessionId: sub ?? '', profile: 'full' })
  const asked = { toolName: 'file_write', args: { path: 'b.txt', content: 'x' }, sessionId: sub ?? '' }
  expect(await bound.client.request('tools.invoke', asked)).toMatchObject({ decision: { rule: 'read-only' } })
})

test('a sub-run ends with the run that asked for it', async () => {
  script(role => (role === '' ? calls({ role: 'writer', task: 'w' }) : { steps: ['a wo', { waitMs: 1 }], end: 'hang' }))
  const talk = await converse(gateway)
  const runId = await talk.send('go')
  while (provider.requests.length < 2) await provider.nextRequest()
  const asked = provider.requests[1]
  await talk.client.request('session.cancel', { sessionId: talk.sessionId })
  expect(await talk.ended(runId)).toMatchObject({ state: 'cancelled' })
  await asked?.closed
  await expect
    .poll(() => rows(gateway, 'SELECT state FROM runs ORDER BY rowid DESC LIMIT 2'))
    .toEqual([{ state: 'cancelled' }, { state: 'cancelled' }])
  expect(gateway.app.runs.count()).toBe(0)
})

test('a sub-run that is cancelled, or out of tokens or time, is a failure that the run hears of', async () => {
  script((role, request) => {
    if (role === 'writer') return { steps: ['Once upon a time'], end: 'hang' }
    if (role === 'critic') return { steps: ['word '.repeat(30_000)], end: 'hang' }
    if (isResult(request)) return says('so be it')
    return calls(
      { role: 'writer', task: 'w' },
      { role: 'critic', task: 'c' },
      { role: 'planner', task: 'p', model: 'none' },
    )
  })
  await set({ 'agent.delegateMs': 1_000, 'agent.delegateTokens': 20_000 })
  const talk = await converse(gateway)
  expect(await talk.ask('go')).toMatchObject({ state: 'done' })
  const [late, long, unknown] = await resultsIn(talk)
  expect(late).toMatch(
    /did not come to its end \(failed\)\. A sub-run may take 1 s \(agent\.delegateMs\)[\s\S]+Once upon a time/,
  )
  expect(long).toMatch(/A sub-run may take 20,000 tokens \(agent\.delegateTokens\)/)
  expect(unknown).toMatch(/There is no model "none"\. Known: main\/m1/)
})

test('text of others taints from the run to the sub-run, and back', async () => {
  script((role, request) => {
    if (isResult(request)) return says('heard')
    if (role === '') return calls({ role: 'research', task: 'r' })
    return lastOf(request)['content'] === 'r' ? uses('file_read', { path: 'seen.txt' }) : says('no')
  })
  const talk = await converse(gateway)
  const file = { path: 'seen.txt', content: 'x' }
  await talk.client.request('tools.invoke', { toolName: 'file_write', args: file })
  const taintOf = async (sessionId: string) => (await talk.client.request('session.get', { sessionId })).session.tainted
  await talk.ask('go')
  const [first] = await subRunsOf(talk)
  const came = await taintOf(first ?? '')
  expect(await taintOf(talk.sessionId)).toBe(came)
  expect(came).toBe(true)
  await talk.ask('go')
  const [second] = await subRunsOf(talk)
  expect(second).not.toBe(first)
  expect(await taintOf(second ?? '')).toBe(true)
})

test('the budgets of a session pay for its sub-runs', async () => {
  script((role, request) => {
    if (role !== '') return { steps: ['much'], usage: { input: 900, output: 100 } }
    return isResult(request) ? says('never') : calls({ role: 'writer', task: 'w' })
  })
  await set({ 'budget.sessionTokens': 1_000 })
  const talk = await converse(gateway)
  expect(await talk.ask('go')).toMatchObject({ state: 'failed', error: expect.stringContaining('sessionTokens') })
  const [sub] = await subRunsOf(talk)
  const { budgets } = await talk.client.request('usage.get', { sessionId: sub ?? '' })
  expect(budgets).toMatchObject([{ name: 'sessionTokens', spent: 1_010 }])
})

test('whoever may use tools delegates directly, and sees before what it would be', async () => {
  script(role => (role === 'summarizer' ? says('Short.') : undefined))
  const client = gateway.client()
  const asked = { toolName: 'delegate', args: { role: 'summarizer', task: 'x' } }
  const dry = await client.request('tools.invoke', { ...asked, dryRun: true })
  expect(dry).toMatchObject({ success: true, output: expect.stringContaining('at most 100000 tokens') })
  expect(provider.requests).toEqual([])
  expect(await client.request('tools.invoke', asked)).toMatchObject({ output: expect.stringMatching(/^Short\./) })
  const wrong = await client.request('tools.invoke', { toolName: 'delegate', args: { role: 'boss', task: 'x' } })
  expect(wrong).toMatchObject({ code: 'INVALID_MESSAGE', error: expect.stringContaining('summarizer') })
  await set({ 'agent.delegateDepth': 0 })
  expect(await client.request('tools.invoke', asked)).toMatchObject({
    success: false,
    error: expect.stringContaining('agent.delegateDepth'),
  })
})

test('a sub-run that a crash left waiting is not begun by the next start', async () => {
  const home = await writeConfig({})
  {
    await using first = await testGateway({ home })
    const client = first.client()
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    await first.app.store.beginDelegation({
      ...{
        sessionId: 'sub_left',
        messageId: 'm',
        runId: 'left',
        parentSessionId: sessionId,
        parentRunId: null,
        depth: 1,
      },
      ...{ title: 't', senderId: 'ada', profile: null, tainted: false, text: 'x', tokenId: 'env', at: Date.now() },
      role: 'writer',
      permissions: ['safe'],
    })
  }
  await using second = await testGateway({ home })
  expect(await second.app.store.getRun('left')).toMatchObject({ state: 'interrupted', startedAt: null })
  const ended = { ...{ sessionId: 'sub_new', messageId: 'n', runId: 'new', parentSessionId: null, depth: 1 } }
  const late = second.app.store.beginDelegation({
    ...{ ...ended, parentRunId: 'left', title: 't', senderId: 'ada', profile: null, tainted: false, text: 'x' },
    ...{ tokenId: 'env', at: Date.now(), role: 'writer', permissions: ['safe'] },
  })
  await expect(late).rejects.toMatchObject({ code: 'CANCELLED' })
})
