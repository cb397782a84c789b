import { expect, test } from 'vitest'
import { testGateway, testToken } from '../../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../../support/raw-socket.ts'
import { request, workbench } from '../workbench.ts'

// A connection may have 64 requests on their way.
const sockets = 20
const perSocket = 50

test('1,000 parallel tasks_add over many connections store 1,000 tasks, each under a number of its own', async () => {
  await using gateway = await testGateway()
  const connections = await Promise.all(
    Array.from({ length: sockets }, () => rawSocket(gateway.port, { token: testToken })),
  )
  const add = (socket: RawSocket, title: string) =>
    socket.ask('tools.invoke', { toolName: 'tasks_add', args: { title } })
  const answers = await Promise.all(
    connections.flatMap((socket, at) => Array.from({ length: perSocket }, (_, index) => add(socket, `${at}-${index}`))),
  )
  const failed = answers.filter(({ type, payload }) => type !== 'tools.result' || payload['success'] !== true)
  expect(failed).toEqual([])
  expect(await gateway.app.store.memoryCounts()).toMatchObject({ tasks: 1_000, pendingTasks: 1_000 })
  const titles = new Set<string>()
  const ids = new Set<number>()
  for (let cursor: string | undefined, more = true; more; ) {
    const page = await gateway.app.store.listTasks({ status: 'pending', limit: 500, cursor })
    for (const { id, title } of page.tasks) {
      ids.add(id)
      titles.add(title)
    }
    cursor = page.nextCursor ?? undefined
    more = cursor !== undefined
  }
  expect([titles.size, ids.size]).toEqual([1_000, 1_000])
  const [socket] = connections
  const listed = await socket?.ask('tools.invoke', { toolName: 'tasks_list', args: { limit: 500 } })
  const lines = String(listed?.payload['output']).split('\n')
  expect(lines.filter(line => /^\d+\. \[medium\]/.test(line))).toHaveLength(500)
  expect(lines.at(-1)).toBe('These are the first 500 of 1000.')
  for (const each of connections) each[Symbol.dispose]()
}, 60_000)

test('titles of any alphabet come back as they were given', async () => {
  await using bench = await workbench()
  const titles = ['Pässe verlängern', '買い物をする', 'تجديد الجواز', '👩‍👩‍👧‍👦 anrufen', 'обновить паспорт']
  for (const title of titles) expect(await bench.run('tasks_add', { title })).toMatchObject({ success: true })
  const { tasks } = await bench.store.listTasks({ status: 'all', limit: 10 })
  expect(tasks.map(({ title }) => title)).toEqual(titles)
  const { output } = await bench.run('tasks_list', {})
  for (const title of titles) expect(output).toContain(title)
})

test('pending tasks come by priority and then by age, completed ones behind them, newest first', async () => {
  await using bench = await workbench()
  for (const [title, priority] of [
    ['a', 'low'],
    ['b', 'high'],
    ['c', 'medium'],
    ['d', 'high'],
    ['e', 'low'],
  ]) {
    await bench.run('tasks_add', { title, priority })
  }
  await bench.run('tasks_complete', { id: 4 })
  await bench.run('tasks_complete', { id: '#5' })
  const titles = async (status: string) => {
    const { output } = await bench.run('tasks_list', { status })
    return output.split('\n').map(line => line.replace(/^\d+\. \[\w+\] (\w) .*/, '$1'))
  }
  expect(await titles('pending')).toEqual(['b', 'c', 'a'])
  expect((await titles('completed')).toSorted()).toEqual(['d', 'e'])
  expect((await titles('all')).slice(0, 3)).toEqual(['b', 'c', 'a'])
  const pages: string[] = []
  let cursor: string | undefined
  do {
    const page = await bench.store.listTasks({ status: 'all', limit: 2, cursor })
    pages.push(page.tasks.map(({ title }) => title).join(''))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(pages.join('|')).toMatch(/^bc\|a[de]\|[de]$/)
})

test('completing a task twice says so, and one that is not there is named', async () => {
  await using bench = await workbench()
  await bench.run('tasks_add', { title: 'Renew passport' })
  expect((await bench.run('tasks_complete', { id: 1 })).output).toBe('Completed task 1, "Renew passport".')
  expect((await bench.run('tasks_complete', { id: '1' })).output).toContain('was completed already')
  for (const id of [2, 'task_x', '1.5']) {
    const outcome = await bench.run('tasks_complete', { id })
    expect(outcome).toMatchObject({ success: false, code: 'NOT_FOUND' })
    expect(outcome.error).toContain('tasks_list')
  }
})

test('a repeat of a request adds no second task', async () => {
  await using bench = await workbench()
  const add = () => bench.run('tasks_add', { title: 'once' }, { request: request('r1') })
  const first = await add()
  expect(await add()).toMatchObject({ output: first.output, duplicate: true })
  expect(await bench.store.memoryCounts()).toMatchObject({ tasks: 1 })
})

test('a dry run says what would be done and does nothing', async () => {
  await using bench = await workbench()
  await bench.run('tasks_add', { title: 'one' })
  const dry = async (tool: string, args: Record<string, unknown>) =>
    (await bench.run(tool, args, { dryRun: true })).output
  expect(await dry('tasks_add', { title: 'two' })).toBe('Would add the task "two", priority medium.')
  expect(await dry('tasks_complete', { id: 1 })).toBe('Would complete "one".')
  expect(await bench.store.memoryCounts()).toMatchObject({ tasks: 1, pendingTasks: 1 })
})

test('a number is never given to a second task', async () => {
  await using bench = await workbench()
  await bench.run('tasks_add', { title: 'one' })
  expect(await bench.store.forget({ what: { kind: 'task', id: 1 } })).toBe(true)
  expect((await bench.run('tasks_add', { title: 'two' })).output).toContain('task 2')
  expect(await bench.store.memoryCounts()).toMatchObject({ tasks: 1, pendingTasks: 1 })
})
