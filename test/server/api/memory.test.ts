import { expect, test } from 'vitest'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { rest } from './rest.ts'

const origin = { sessionId: null, tainted: false, at: Date.UTC(2026, 10, 23) }

async function filled(): Promise<TestGateway> {
  const gateway = await testGateway()
  const { store } = gateway.app
  for (const text of ['one fox', 'two foxes', 'three'])
    await store.appendMemory({ ...origin, text, category: 'animals' })
  await store.mergeFacts({ ...origin, patch: { 'a/b c': 1 } })
  await store.mergeFacts({ ...origin, patch: { name: 'Ada' } })
  await store.savePersona({ ...origin, content: 'You are a poet.' })
  await store.saveNote({ ...origin, title: 'Fox', content: 'red', tags: ['animals'] })
  await store.saveNote({ ...origin, title: 'Fox', content: 'grey' })
  await store.addTask({ ...origin, title: 'feed the fox', description: '', priority: 'high' })
  await store.addTask({ ...origin, title: 'sleep', description: '', priority: 'low' })
  await store.completeTask({ id: 2, at: 1 })
  return gateway
}

const get = async (gateway: TestGateway, path: string) => (await rest(gateway, 'GET', `/api/v1/${path}`)).body

test('all that is kept can be looked at, in pages and by its words', async () => {
  await using gateway = await filled()
  const first = await get(gateway, 'memory?limit=2')
  expect(first).toMatchObject({ entries: [{ id: 3, text: 'three', day: '2026-11-23' }, { id: 2 }], nextCursor: '2' })
  expect(await get(gateway, 'memory?limit=2&cursor=2')).toMatchObject({ entries: [{ id: 1 }], nextCursor: null })
  expect(await get(gateway, 'memory?category=Animals&day=2026-11-23')).toMatchObject({ nextCursor: null })
  expect(await get(gateway, 'memory?q=fox')).toMatchObject({ entries: [{ id: 1, snippet: { text: 'one fox' } }] })
  expect(await get(gateway, 'facts')).toMatchObject({ facts: { 'a/b c': 1, name: 'Ada' }, version: 2, taintedKeys: [] })
  expect(await get(gateway, 'facts?version=1')).toMatchObject({ facts: { 'a/b c': 1 } })
  expect(await get(gateway, 'persona')).toMatchObject({ content: 'You are a poet.', version: 1 })
  expect(await get(gateway, 'notes')).toMatchObject({
    notes: [{ id: 1, title: 'Fox', version: 2, chars: 4 }],
    nextCursor: null,
  })
  expect(await get(gateway, 'notes?q=grey&tag=animals')).toMatchObject({ notes: [{ content: 'grey' }] })
  expect(await get(gateway, 'notes/1?version=1')).toMatchObject({ note: { content: 'red' } })
  expect(await get(gateway, 'tasks?status=pending')).toMatchObject({
    tasks: [{ id: 1, title: 'feed the fox', priority: 'high', completedAt: null }],
    counts: { pending: 1, completed: 1, all: 2 },
  })
  expect(await get(gateway, 'tasks?limit=1')).toMatchObject({ tasks: [{ id: 1 }], nextCursor: expect.any(String) })
})

test('an empty gateway says so in the same shapes', async () => {
  await using gateway = await testGateway()
  expect(await get(gateway, 'memory')).toEqual({ entries: [], nextCursor: null })
  expect(await get(gateway, 'facts')).toEqual({ facts: {}, version: 0, at: null, taintedKeys: [] })
  expect(await get(gateway, 'persona')).toMatchObject({ version: 0, content: expect.stringContaining('assistant') })
  expect(await get(gateway, 'notes')).toEqual({ notes: [], nextCursor: null })
  expect(await get(gateway, 'tasks')).toMatchObject({ tasks: [], counts: { all: 0 } })
})

test('what a person deletes is gone with its older versions, and the trail says of which kind it was', async () => {
  await using gateway = await filled()
  const paths = ['memory/1', 'facts/a%2Fb%20c', 'persona', 'notes/1', 'tasks/1']
  for (const path of paths) {
    const { status } = await rest(gateway, 'DELETE', `/api/v1/${path}`)
    expect({ path, status }).toEqual({ path, status: 204 })
    expect((await rest(gateway, 'DELETE', `/api/v1/${path}`)).status).toBe(404)
  }
  expect(await get(gateway, 'facts')).toMatchObject({ facts: { name: 'Ada' } })
  for (const path of ['facts?version=1', 'persona?version=1', 'notes/1', 'notes/1?version=1']) {
    expect((await rest(gateway, 'GET', `/api/v1/${path}`)).status).toBe(404)
  }
  expect(await get(gateway, 'memory?q=one')).toMatchObject({ entries: [] })
  expect(await gateway.app.store.memoryCounts()).toMatchObject({ entries: 2, notes: 0, tasks: 1, pendingTasks: 0 })
  const { body } = await rest(gateway, 'GET', '/api/v1/audit?action=memory.delete')
  const entries = body['entries'] as { target: string | null; details: object }[] // As docs/audit.md says.
  expect(entries.map(({ target, details }) => [target, details])).toEqual([
    ['1', { kind: 'task' }],
    ['1', { kind: 'note' }],
    [null, { kind: 'persona' }],
    [null, { kind: 'fact' }],
    ['1', { kind: 'memory' }],
  ])
})

test.each([
  'memory?limit=0',
  'memory?cursor=x',
  'memory?q=',
  'notes?cursor=x',
  'notes?limit=501',
  'tasks?status=done',
  'tasks?cursor=x',
  'facts?version=x',
  `memory?q=${'x'.repeat(1_001)}`,
])('%s is refused as what cannot be', async path => {
  await using gateway = await testGateway()
  expect(await rest(gateway, 'GET', `/api/v1/${path}`)).toMatchObject({
    status: 400,
    body: { code: 'INVALID_MESSAGE', detail: expect.stringMatching(/\w/) },
  })
})
