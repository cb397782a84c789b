/** What the side process can be asked for. */
export type Task =
  | { name: 'calculate'; expression: string }
  /** `json` is text, or its bytes in UTF-8. */
  | { name: 'query'; json: string | Uint8Array; query: string; maxChars: number }
