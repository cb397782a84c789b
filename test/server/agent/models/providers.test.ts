import { describe, expect, it } from 'vitest'
import { buildModels, type ProviderModels, providersSchema } from '../../../../src/server/agent/providers.ts'
import { scriptedProvider } from '../../../support/scripted-provider.ts'

const key = 'canary-5f2e9c41-key'

async function failureOf(models: ProviderModels): Promise<unknown> {
  const { signal } = new AbortController()
  try {
    const request = { system: '', messages: [{ role: 'user', content: 'Hi' } as const], tools: [], signal }
    for await (const _ of models.find('acme/m-1')?.stream(request) ?? []);
    return undefined
  } catch (error) {
    return error
  }
}

describe('the configured providers', () => {
  const deps = { readSecret: () => undefined, newId: () => 'id', now: Date.now }
  const openRouter = { name: 'router', kind: 'openai-compatible', baseUrl: 'https://openrouter.ai/api/v1' }

  it('always have the offline model, which is the chain only if nothing is configured', () => {
    const none = buildModels([], deps)
    expect(none.defaultChain.map(({ id }) => id)).toEqual(['offline'])
    const models = buildModels(providersSchema.parse([{ ...openRouter, models: ['big', 'small'] }]), deps)
    expect(models.find('offline')).toMatchObject({ provider: 'offline', id: 'offline' })
    expect(models.defaultChain.map(({ id }) => id)).toEqual(['big'])
    expect(models.list()).toEqual(['router/big', 'router/small', 'offline/offline'])
  })

  it('are found by model, or by provider and model', () => {
    const config = providersSchema.parse([
      { ...openRouter, models: ['anthropic/claude', { id: 'big', contextTokens: 8_000 }] },
      { name: 'anthropic', kind: 'anthropic', models: ['claude', 'big'] },
    ])
    const models = buildModels(config, deps)
    expect(models.find('big')).toMatchObject({ provider: 'router', contextTokens: 8_000 })
    expect(models.find('anthropic/big')).toMatchObject({ provider: 'anthropic', contextTokens: 128_000 })
    expect(models.find('anthropic/claude')).toMatchObject({ provider: 'anthropic', id: 'claude' })
    expect(models.find('router/anthropic/claude')).toMatchObject({ provider: 'router' })
    expect(models.find('unheard-of')).toBeUndefined()
  })

  it('may include an offline model on purpose', () => {
    const models = buildModels(providersSchema.parse([{ name: 'demo', kind: 'offline' }]), deps)
    expect(models.defaultChain).toMatchObject([{ provider: 'demo', id: 'offline' }])
    expect(models.find('offline')).toMatchObject({ provider: 'offline' })
  })

  it('get their key from where it is kept, and say so if it is not there', async () => {
    const provider = await scriptedProvider([{ steps: ['ok'] }])
    const config = providersSchema.parse([
      { name: 'acme', kind: 'anthropic', baseUrl: provider.url, apiKeyEnv: 'ACME_KEY', models: ['m-1'] },
    ])
    const withKey = buildModels(config, { ...deps, readSecret: source => ('env' in source ? ` ${key}\n` : undefined) })
    const without = buildModels(config, deps)
    expect(await failureOf(withKey)).toBeUndefined()
    expect(provider.requests[0]?.headers['x-api-key']).toBe(key)
    expect(await failureOf(without)).toMatchObject({
      code: 'PROVIDER_ERROR',
      message: 'acme: the environment variable ACME_KEY holds no API key.',
    })
    await Promise.all([withKey.close(), without.close()])
    await provider.close()
  })

  it('do not try to send a key that no header can carry, nor show it', async () => {
    const config = { ...openRouter, name: 'acme', apiKey: 'ab\ncdef', models: ['m-1'] }
    expect(await failureOf(buildModels(providersSchema.parse([config]), deps))).toMatchObject({
      message: 'acme: the API key holds characters that no HTTP header can carry.',
    })
  })

  it.each([
    ['an unknown key', { ...openRouter, models: ['m'], temperature: 1 }],
    ['an unknown kind', { name: 'x', kind: 'other', models: ['m'] }],
    ['no base URL', { name: 'x', kind: 'openai-compatible', models: ['m'] }],
    ['a base URL with a password', { ...openRouter, baseUrl: 'https://u:p@example.com/v1', models: ['m'] }],
    ['a base URL that is no web address', { ...openRouter, baseUrl: 'file:///etc/passwd', models: ['m'] }],
    ['two keys', { ...openRouter, apiKey: 'a', apiKeyEnv: 'B', models: ['m'] }],
    ['the name offline', { ...openRouter, name: 'offline', models: ['m'] }],
    ['a model twice', { ...openRouter, models: ['m', { id: 'm' }] }],
    ['no models', { ...openRouter, models: [] }],
    ['a header with a line break', { ...openRouter, models: ['m'], headers: { a: 'b\r\nc: d' } }],
  ])('are refused with %s', (_what, config) => {
    expect(providersSchema.safeParse([config]).success).toBe(false)
  })

  it('are refused with two of one name', () => {
    const config = { ...openRouter, models: ['m'] }
    expect(providersSchema.safeParse([config, config]).success).toBe(false)
  })
})
