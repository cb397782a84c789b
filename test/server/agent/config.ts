import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ScriptedProvider } from '../../support/scripted-provider.ts'

/** The key of every provider of a test: it may appear nowhere but in the request to the provider. */
export const providerKey = 'canary-key-0123456789abcdef'

export interface ConfiguredProvider {
  provider: ScriptedProvider
  models: (string | { id: string; contextTokens?: number })[]
  kind?: 'openai-compatible' | 'anthropic'
  name?: string
}

/** Makes a data folder whose talon.json names these providers and settings of the section `agent`. */
export async function writeConfig(options: {
  providers?: ConfiguredProvider[]
  agent?: Record<string, unknown>
}): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'talon-agent-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const providers = (options.providers ?? []).map(({ provider, models, kind = 'openai-compatible', name }, index) => ({
    name: name ?? (index === 0 ? 'main' : `other${index}`),
    kind,
    baseUrl: provider.url,
    apiKey: providerKey,
    models,
  }))
  const text = JSON.stringify({ agent: { providers, retries: 1, ...options.agent } })
  writeFileSync(join(home, 'talon.json'), text)
  return home
}
