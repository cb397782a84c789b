import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { type Script, scriptedProvider } from '../../support/scripted-provider.ts'
import { providerKey, writeConfig } from './config.ts'
import { converse, streamed } from './conversation.ts'

async function provider(script: Script) {
  const made = await scriptedProvider(script)
  onTestFinished(made.close)
  return made
}

async function change(gateway: TestGateway, providers: object[]) {
  const body = JSON.stringify({ hash: gateway.app.settings.hash(), changes: { 'agent.providers': providers } })
  const answer = await gateway.fetch('/api/v1/config', { method: 'PATCH', body })
  expect(await answer.json()).toMatchObject({ changed: ['agent.providers'], restartRequired: [] })
}

test('a change of the providers holds from the next call on, and an answer that was begun ends where it began', async () => {
  const gate = Promise.withResolvers<void>()
  const kept = await provider([{ steps: ['kept'] }])
  const before = await provider([{ steps: ['old ', gate.promise, 'end'] }])
  const after = await provider([{ steps: ['new'] }])
  const home = await writeConfig({
    providers: [
      { provider: before, models: ['m'], name: 'main' },
      { provider: kept, models: ['k'], name: 'kept' },
    ],
  })
  await using gateway = await testGateway({ home })
  const shared = { kind: 'openai-compatible', apiKey: providerKey }
  const same = { name: 'kept', baseUrl: kept.url, models: ['k'], ...shared }

  const other = await converse(gateway, { model: 'kept/k' })
  await other.ask('hi')
  const talk = await converse(gateway)
  const asked = before.nextRequest()
  const run = await talk.send('go')
  const { socket } = await asked
  const socketClosed = once(socket, 'close')

  const changed = { name: 'main', baseUrl: after.url, models: ['m2', 'm'], ...shared }
  await change(gateway, [changed, same])
  expect(gateway.app.models.list()).toEqual(['main/m2', 'main/m', 'kept/k', 'offline/offline'])
  expect(gateway.app.models.pools().map(({ origin }) => origin)).toEqual(
    [after, kept].map(at => new URL(at.url).origin),
  )
  const next = await converse(gateway)
  expect(await next.ask('now')).toMatchObject({ state: 'done' })
  expect(streamed(next.events)).toBe('new')
  expect(after.requests[0]?.body).toMatchObject({ model: 'm2' })

  expect(socket.destroyed).toBe(false)
  gate.resolve()
  expect(await talk.ended(run)).toMatchObject({ state: 'done' })
  expect(streamed(talk.events)).toBe('old end')
  await socketClosed

  // One that did not change keeps its connection.
  await other.ask('again')
  expect(kept.requests).toHaveLength(2)
  expect(kept.requests[1]?.socket).toBe(kept.requests[0]?.socket)
  expect(gateway.app.models.uses()).toMatchObject([
    { provider: 'main', calls: 2, failures: 0, lastFailure: undefined },
    { provider: 'kept', calls: 2, failures: 0 },
  ])

  await change(gateway, [])
  expect(await other.ask('and now')).toMatchObject({ state: 'done' })
  expect(streamed(other.events)).toContain('offline: and now')
})

test('a model that was taken out says so to whoever chose it before, and is not asked', async () => {
  const main = await provider([{ steps: ['never'] }])
  const home = await writeConfig({ providers: [{ provider: main, models: ['m'], name: 'main' }] })
  await using gateway = await testGateway({ home })
  const model = gateway.app.models.find('main/m')
  await change(gateway, [])
  const { signal } = new AbortController()
  const asking = async () => {
    for await (const _ of model?.stream({ system: '', messages: [], tools: [], signal }) ?? []);
  }
  await expect(asking()).rejects.toMatchObject({
    code: 'PROVIDER_ERROR',
    message: 'main/m: it was taken out of the settings.',
  })
  expect(main.requests).toEqual([])
})
