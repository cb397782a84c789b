import type { Model } from '../model.ts'
import { languageModels } from './language-model.ts'
import type { ModelSettings, ProviderSettings } from './provider.ts'

/** Builds models of any server that speaks OpenAI's chat completions: OpenAI, OpenRouter, Ollama, vLLM, LM Studio. */
export function openAiCompatible(provider: ProviderSettings): (model: ModelSettings) => Model {
  const { name, baseUrl, headers, pool } = provider
  return languageModels(provider, async modelId => {
    // Local servers want no key, and without one no header is sent.
    const apiKey = provider.apiKey() ?? ''
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const settings = { name, baseURL: baseUrl, apiKey, headers, fetch: pool.fetch, includeUsage: true }
    return createOpenAICompatible(settings)(modelId)
  })
}
