import { expect, onTestFinished, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { scriptedProvider } from '../../support/scripted-provider.ts'
import { converse, newSession, rest } from './rest.ts'

const pools = '/api/v1/pools'
const soon = { timeout: 15_000 }

test('the pools say what they have done and what they do now', async () => {
  await using gateway = await testGateway()
  await converse(gateway, await newSession(gateway), 'Hello')
  const { status, body } = await rest(gateway, 'GET', pools)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    writer: { failedCommits: 0, refused: 0, commandsPerCommit: { count: expect.any(Number) } },
    readers: { size: expect.any(Number), busy: 0, idle: 0, runs: 0, waitMs: { count: 0, sum: 0, max: 0 } },
    http: [],
    caches: expect.any(Array),
  })
  const { writer } = gateway.app.store.stats()
  expect(writer.commands).toBeGreaterThan(2)
  expect(writer.commitMs.count).toBe(writer.commits)
  expect(writer.waitMs.count).toBe(writer.commands)
})

test('the sockets of a provider are there before and after it is asked', async () => {
  const gate = Promise.withResolvers<void>()
  const provider = await scriptedProvider([{ steps: [gate.promise, 'Hello'], end: 'finish' }])
  onTestFinished(provider.close)
  const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models: ['m'] }]
  await using gateway = await testGateway({ env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers) } })
  const figures = async () => (await rest(gateway, 'GET', pools)).body['http']
  const name = { provider: 'acme', origin: new URL(provider.url).origin }
  const none = { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 }
  expect(await figures()).toEqual([{ ...name, ...none }])
  const asked = provider.nextRequest()
  const answered = converse(gateway, await newSession(gateway), 'Hi')
  await asked
  expect(await figures()).toEqual([{ ...name, ...none, connected: 1, running: 1, size: 1 }])
  gate.resolve()
  await answered
  await expect.poll(figures, soon).toEqual([{ ...name, ...none, connected: 1, free: 1 }])
})
