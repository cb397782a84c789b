const maxNameLength = 128

/** Under which name someone at this terminal writes. */
export function nameOfUser(env: Readonly<Record<string, string | undefined>>): string {
  return (env.USER || env.LOGNAME || 'cli').slice(0, maxNameLength)
}
