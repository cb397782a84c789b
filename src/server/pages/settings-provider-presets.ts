import type { ProviderConfig } from '../usable.ts'

export interface ProviderPreset {
  /** Also the name that the provider gets, unless there is one of that name. */
  name: string
  label: string
  kind: Exclude<ProviderConfig['kind'], 'offline'>
  baseUrl: string
  /** Where one gets a key; undefined where none is needed. */
  keysAt?: string
  hint: string
}

/** What the form can begin with. */
export const providerPresets: readonly ProviderPreset[] = [
  {
    ...{ name: 'ollama', label: 'Ollama', kind: 'openai-compatible', baseUrl: 'http://localhost:11434/v1' },
    hint: 'It needs no key. Give each model the context that Ollama has it run with, such as “llama3.2 context=8192”.',
  },
  {
    ...{ name: 'lmstudio', label: 'LM Studio', kind: 'openai-compatible', baseUrl: 'http://localhost:1234/v1' },
    hint: 'It needs no key. Start its server first, on the page “Developer”.',
  },
  {
    ...{ name: 'vllm', label: 'vLLM', kind: 'openai-compatible', baseUrl: 'http://localhost:8000/v1' },
    hint: 'It needs a key only where it was started with --api-key.',
  },
  {
    ...{ name: 'openai', label: 'OpenAI', kind: 'openai-compatible', baseUrl: 'https://api.openai.com/v1' },
    keysAt: 'platform.openai.com/api-keys',
    hint: 'Test the connection to choose among the models of your account.',
  },
  {
    ...{ name: 'openrouter', label: 'OpenRouter', kind: 'openai-compatible', baseUrl: 'https://openrouter.ai/api/v1' },
    keysAt: 'openrouter.ai/keys',
    hint: 'It shows its models to everybody: only a first message tells whether it takes the key.',
  },
  {
    ...{ name: 'anthropic', label: 'Anthropic', kind: 'anthropic', baseUrl: 'https://api.anthropic.com/v1' },
    keysAt: 'console.anthropic.com/settings/keys',
    hint: 'Test the connection to choose among its models.',
  },
  {
    ...{ name: 'deepseek', label: 'DeepSeek', kind: 'openai-compatible', baseUrl: 'https://api.deepseek.com/v1' },
    keysAt: 'platform.deepseek.com/api_keys',
    hint: 'Test the connection to choose among its models.',
  },
]
