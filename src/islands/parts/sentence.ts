/** What happened, and why, for people. */
export function sentence(what: string, error: unknown): string {
  return error instanceof Error ? `${what} ${error.message}` : what
}
