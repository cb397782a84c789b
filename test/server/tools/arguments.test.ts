import { expect, test } from 'vitest'
import { workbench } from './workbench.ts'

test('of many names that no parameter has some are told, however many there are', async () => {
  await using bench = await workbench()
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`key${at}`, 1]))
  const { code, error } = await bench.run('time_now', many)
  expect(code).toBe('INVALID_MESSAGE')
  expect(error).toMatch(/there is no "key0" \(did you mean "zones"\? It takes zones\); .*; and 1 more\. Example: /)
  expect(error?.length).toBeLessThan(1_000)
})

test('a fault is told once, and one in several ways to write an argument names them all', async () => {
  await using bench = await workbench()
  const title = await bench.run('tasks_add', { title: '' })
  expect(title.error?.match(/"title"/g)).toHaveLength(2) // The second is in the example.
  const { error } = await bench.run('tasks_complete', {})
  expect(error).toContain('"id" is missing (expected number, received undefined, or expected string)')
})

test('arguments that are nested too deep are refused, as they are and as text', async () => {
  await using bench = await workbench()
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const parsed = JSON.parse(deep(5_000))
  expect(await bench.run('facts_update', { facts: parsed })).toMatchObject({
    code: 'INVALID_MESSAGE',
    error: expect.stringContaining('nested deeper than 32 levels. Example: '),
  })
  expect(await bench.run('facts_update', { facts: deep(5_000) })).toMatchObject({
    code: 'INVALID_MESSAGE',
    error: expect.stringContaining('nested too deep'),
  })
  expect(await bench.run('facts_update', { facts: deep(10) })).toMatchObject({ success: true })
})

test('a key that means the prototype of an object is a key like any other', async () => {
  await using bench = await workbench()
  const args = JSON.parse('{"path": ".", "__proto__": {"recursive": true}}')
  expect((await bench.run('file_list', args)).error).toContain('there is no "__proto__"')
  const headers = JSON.parse('{"__proto__": {"x-secret": "1"}}')
  const asked = await bench.run('http_request', { method: 'GET', url: 'http://a.test/', headers })
  expect(asked).toMatchObject({ success: false })
})
