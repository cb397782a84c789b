/** A message that the gateway answers itself. */
export interface Command {
  /** Without the slash. */
  name: string
  usage: string
  summary: string
}

/** The commands that a text may become: those that begin as it does, while it is one word with a slash. */
export function suggest(text: string, commands: readonly Command[]): Command[] {
  const begun = /^\/([a-z]*)$/i.exec(text)?.[1]
  if (begun === undefined) return []
  return commands.filter(({ name }) => name.startsWith(begun.toLowerCase()))
}

/** What a command is written as when it is chosen: with room for its arguments if it takes some. */
export function written({ name, usage }: Command): string {
  return usage === '' ? `/${name}` : `/${name} `
}
