import type { createAnthropic } from '@ai-sdk/anthropic'
import type { HttpPool } from '../http-pool.ts'
import type { Fail } from './provider-failure.ts'

/** The AI SDK's model, the level below `streamText`: one HTTP request, no retries, no tool loop, nothing printed. */
export type LanguageModel = ReturnType<ReturnType<typeof createAnthropic>['languageModel']>
export type CallOptions = Parameters<LanguageModel['doStream']>[0]

/** One configured provider, as the files of the wire formats take it. */
export interface ProviderSettings {
  name: string
  baseUrl: string
  /** Throws the provider's failure if a key was configured and cannot be had. */
  apiKey: () => string | undefined
  headers: Record<string, string>
  pool: HttpPool
  fail: Fail
}

/** One model of it; `maxOutputTokens` undefined leaves the bound to the provider. */
export interface ModelSettings {
  id: string
  contextTokens: number
  maxOutputTokens?: number | undefined
}
