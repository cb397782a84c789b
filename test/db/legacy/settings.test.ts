import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describe as describeSettings, readOldSettings } from '../../../src/db/legacy/settings.ts'
import { copyWorkspace } from '../../../src/db/legacy/workspace.ts'
import { newFolder, writeOld } from './importing.ts'

/** What is found in these two files, without addresses. */
async function found(config: unknown, env = ''): Promise<unknown> {
  const folder = newFolder()
  writeOld(join(folder, 'config.json'), config)
  writeOld(join(folder, '.env'), env)
  const { providers, model, unknown } = await readOldSettings(folder)
  const named = providers.map(({ name, apiKey, from, models }) => [name, apiKey, from, models.join(' ')])
  return { providers: named, model, ...(unknown.length > 0 ? { unknown } : {}) }
}

test('keys and model are found wherever an old config.json may have them', async () => {
  const expected = { providers: [['anthropic', 'k', 'config.json', 'claude-x']], model: 'anthropic/claude-x' }
  expect(await found({ agent: { model: 'anthropic/claude-x', providers: { anthropic: { apiKey: 'k' } } } })).toEqual(
    expected,
  )
  expect(await found({ agent: { model: 'claude-x' }, providers: { anthropic: { api_key: 'k' } } })).toEqual(expected)
  expect(await found({ model: 'claude-x', providers: [{ name: 'Anthropic', key: 'k' }] })).toEqual(expected)
  expect(await found({ agent: { provider: 'anthropic', model: 'claude-x', apiKey: 'k' } })).toEqual(expected)
  expect(await found({ agent: { model: { primary: 'claude-x' } }, anthropicApiKey: 'k' })).toEqual(expected)
  expect(await found({ agent: { model: 'claude-x' }, apiKeys: { anthropic: 'k' } })).toEqual(expected)
})

test('keys are found in .env, and config.json may refer to them', async () => {
  const env = 'export ANTHROPIC_API_KEY="k1" # mine\nOPENAI_API_KEY=k2\r\n# DEEPSEEK_API_KEY=no\nOTHER=x\n'
  expect(await found({}, env)).toEqual({
    providers: [
      ['anthropic', 'k1', '.env', ''],
      ['openai', 'k2', '.env', ''],
    ],
    model: undefined,
  })
  expect(
    await found(
      { providers: { openai: { apiKey: '$OPENAI_API_KEY', models: ['gpt-a', { id: 'gpt-b' }] } } },
      'OPENAI_API_KEY=k2',
    ),
  ).toEqual({
    providers: [['openai', 'k2', 'config.json', 'gpt-a gpt-b']],
    model: undefined,
  })
  expect(await found({ providers: { openai: { apiKey: 'env:GONE' } } })).toEqual({ providers: [], model: undefined })
})

test('a provider that is not known needs an address of its own', async () => {
  expect(
    await found({
      providers: { mine: { apiKey: 'k', baseUrl: 'http://localhost:1/v1', model: 'm' }, other: { apiKey: 'k' } },
    }),
  ).toEqual({
    providers: [['mine', 'k', 'config.json', 'm']],
    model: undefined,
    unknown: ['other'],
  })
})

test('a model belongs to the provider that its name says, else to the only one', async () => {
  const openrouter = { openrouter: { apiKey: 'k' } }
  expect(await found({ agent: { model: 'openrouter/deepseek/chat' }, providers: openrouter })).toMatchObject({
    model: 'openrouter/deepseek/chat',
  })
  expect(await found({ agent: { model: 'deepseek/chat' }, providers: openrouter })).toMatchObject({
    model: 'openrouter/deepseek/chat',
  })
})

test('files that are no settings say nothing', async () => {
  for (const config of [
    '',
    '{"agent":',
    '[1]',
    'null',
    { agent: 5, providers: 'x' },
    { providers: { '../x': { apiKey: 'k' } } },
  ]) {
    expect(await found(config)).toEqual({ providers: [], model: undefined })
  }
  expect(await readOldSettings('/nowhere')).toEqual({ providers: [], model: undefined, unknown: [] })
})

test('what was found is described by its names, never with a key', async () => {
  const folder = newFolder()
  writeOld(join(folder, 'config.json'), {
    agent: { model: 'claude-x' },
    providers: { anthropic: { apiKey: 'canary-1' } },
  })
  writeOld(join(folder, '.env'), 'OPENAI_API_KEY=canary-2')
  const sentence = describeSettings(await readOldSettings(folder))
  expect(sentence).toBe(
    'config.json names a key for anthropic, .env names a key for openai and the model anthropic/claude-x.',
  )
  expect(describeSettings({ providers: [], model: undefined, unknown: [] })).toBeUndefined()
})

test('files of an old workspace are copied where none of their name is', async () => {
  const [from, to] = [newFolder(), newFolder()]
  for (const name of ['tasks.json', 'MEMORY.md', 'SOUL.md', 'notes/a.md', 'notes/b.txt', 'other/c.md'])
    writeOld(join(from, name), `old ${name}`)
  symlinkSync('/etc/hostname', join(from, 'FACTS.json'))
  writeOld(join(to, 'MEMORY.md'), 'new')
  mkdirSync(join(to, 'SOUL.md'))
  expect(await copyWorkspace(from, to, { dryRun: true })).toEqual({
    copied: ['tasks.json', 'notes/a.md'],
    kept: ['MEMORY.md', 'SOUL.md'],
    failed: [],
  })
  expect(await copyWorkspace(from, to, { dryRun: false })).toEqual({
    copied: ['tasks.json', 'notes/a.md'],
    kept: ['MEMORY.md', 'SOUL.md'],
    failed: [],
  })
  expect(readFileSync(join(to, 'notes', 'a.md'), 'utf8')).toBe('old notes/a.md')
  expect(readFileSync(join(to, 'MEMORY.md'), 'utf8')).toBe('new')
  expect(await copyWorkspace('/nowhere', to, { dryRun: false })).toEqual({ copied: [], kept: [], failed: [] })
})
