/** What the thread can be asked for. */
export type Task =
  | { name: 'calculate'; expression: string }
  /** `json` is text, or its bytes in UTF-8. */
  | { name: 'query'; json: string | Uint8Array; query: string; maxChars: number }

/** What the thread says: first that it begins, then how it ended. `problem` is for whoever asked. */
export type Report = { begun: true } | { text: string } | { problem: string }
