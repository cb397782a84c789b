import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { rest } from './rest.ts'

const write = '/api/v1/tools/file_write'

test('the tools are listed with the schema of their arguments', async () => {
  await using gateway = await testGateway()
  const { status, body } = await rest(gateway, 'GET', '/api/v1/tools')
  expect(status).toBe(200)
  expect(body['tools']).toContainEqual(
    expect.objectContaining({
      name: 'file_write',
      permission: 'write',
      available: true,
      parameters: expect.objectContaining({ type: 'object', required: expect.arrayContaining(['path', 'content']) }),
    }),
  )
})

test('P2: a tool runs once per Idempotency-Key', async () => {
  await using gateway = await testGateway()
  const body = { args: { path: 'a.txt', content: 'first' } }
  const first = await rest(gateway, 'POST', write, { body, key: 'w1' })
  expect(first).toMatchObject({ status: 200, body: { toolName: 'file_write', success: true, truncated: false } })
  await rest(gateway, 'POST', write, { body: { args: { path: 'a.txt', content: 'second' } } })
  expect(await rest(gateway, 'POST', write, { body, key: 'w1' })).toMatchObject({
    status: 200,
    body: { ...first.body, duplicate: true },
  })
  expect(await readFile(join(gateway.home, 'workspace', 'a.txt'), 'utf8')).toBe('second')
  const other = { args: { path: 'b.txt', content: 'x' } }
  expect((await rest(gateway, 'POST', write, { body: other, key: 'w1' })).status).toBe(409)
})

test('a tool that fails is an answer, a tool that is not there an error', async () => {
  await using gateway = await testGateway()
  expect(
    await rest(gateway, 'POST', '/api/v1/tools/file_read', { body: { args: { path: 'none.txt' } } }),
  ).toMatchObject({
    status: 200,
    body: { success: false, error: expect.any(String), code: expect.any(String) },
  })
  expect(await rest(gateway, 'POST', '/api/v1/tools/nothing', { body: {} })).toMatchObject({
    status: 404,
    body: { code: 'TOOL_NOT_FOUND' },
  })
  const away = { args: { path: 'x', content: 'y' }, sessionId: 'none' }
  expect(await rest(gateway, 'POST', write, { body: away })).toMatchObject({
    status: 404,
    body: { code: 'SESSION_NOT_FOUND' },
  })
})

test('a dry run writes nothing', async () => {
  await using gateway = await testGateway()
  const body = { args: { path: 'dry.txt', content: 'x' }, dryRun: true }
  expect((await rest(gateway, 'POST', write, { body })).body).toMatchObject({ success: true })
  await expect(readFile(join(gateway.home, 'workspace', 'dry.txt'))).rejects.toMatchObject({ code: 'ENOENT' })
})
