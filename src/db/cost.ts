/** USD for a million tokens, which is the same number as millionths of a USD for one. */
export interface ModelPrice {
  input: number
  output: number
  /** Of input that the provider had from an earlier call; as other input if absent. */
  cachedInput?: number | undefined
}

// What multiplying fractions adds must not cost a millionth more.
const roundingError = 1e-6

/** What a call costs in whole millionths of a USD, rounded up; null if the price is not known. */
export function costMicroUsd(
  price: ModelPrice | null,
  tokens: { inputTokens: number; outputTokens: number; cachedInputTokens?: number | undefined },
): number | null {
  if (!price) return null
  const cached = Math.min(tokens.cachedInputTokens ?? 0, tokens.inputTokens)
  const input = (tokens.inputTokens - cached) * price.input + cached * (price.cachedInput ?? price.input)
  return Math.max(0, Math.ceil(input + tokens.outputTokens * price.output - roundingError))
}

// English text has about four bytes to a token, other scripts about three characters of one to three bytes.
const bytesPerToken = 3

/** How many tokens a text of so many bytes of UTF-8 may be, for what nobody counted. */
export function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / bytesPerToken)
}
