/** How a provider that v0.3.3 could have a key for is reached today. */
export interface KnownProvider {
  kind: 'anthropic' | 'openai-compatible'
  baseUrl?: string
  /** What its models' names begin with, where a name says no provider. */
  models?: RegExp
  /** The variable of its key, where it is not `<NAME>_API_KEY`. */
  variables?: readonly string[]
}

const compatible = (baseUrl: string, more: Partial<KnownProvider> = {}): KnownProvider => ({
  kind: 'openai-compatible',
  baseUrl,
  ...more,
})

/** By name, as old settings and variables spell it in lower case. */
export const knownProviders: Readonly<Record<string, KnownProvider>> = {
  anthropic: { kind: 'anthropic', models: /^claude/, variables: ['ANTHROPIC_API_KEY', 'CLAUDE_API_KEY'] },
  openai: compatible('https://api.openai.com/v1', { models: /^(gpt|o\d|chatgpt)/ }),
  openrouter: compatible('https://openrouter.ai/api/v1'),
  deepseek: compatible('https://api.deepseek.com/v1', { models: /^deepseek/ }),
  opencode: compatible('https://opencode.ai/zen/v1'),
  gemini: compatible('https://generativelanguage.googleapis.com/v1beta/openai', {
    models: /^gemini/,
    variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  }),
  groq: compatible('https://api.groq.com/openai/v1'),
  mistral: compatible('https://api.mistral.ai/v1', { models: /^(mistral|codestral|magistral)/ }),
  xai: compatible('https://api.x.ai/v1', { models: /^grok/ }),
  together: compatible('https://api.together.xyz/v1'),
  fireworks: compatible('https://api.fireworks.ai/inference/v1'),
  moonshot: compatible('https://api.moonshot.ai/v1', { models: /^(kimi|moonshot)/ }),
}

/** The variables that may hold the key of a provider. */
export function variablesOf(name: string): readonly string[] {
  return knownProviders[name]?.variables ?? [`${name.toUpperCase().replaceAll('-', '_')}_API_KEY`]
}
