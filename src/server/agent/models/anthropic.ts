import type { Model } from '../model.ts'
import { languageModels } from './language-model.ts'
import type { ModelSettings, ProviderSettings } from './provider.ts'

/** Builds models of Anthropic's messages API, or of a server that speaks it. */
export function anthropic(provider: ProviderSettings): (model: ModelSettings) => Model {
  const { baseUrl, headers, pool } = provider
  return languageModels(provider, async modelId => {
    // The library would look for a missing key or address in the environment, which is not its to read.
    const apiKey = provider.apiKey() ?? ''
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    return createAnthropic({ baseURL: baseUrl, apiKey, headers, fetch: pool.fetch })(modelId)
  })
}
