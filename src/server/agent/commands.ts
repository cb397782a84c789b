import type { Run } from '../../db/store.ts'
import type { Session } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'

/** A message that begins with a slash and is answered by the gateway itself, over every channel. */
export interface SlashCommand {
  /** Without the slash. */
  name: string
  /** How to write its arguments, such as `<name>`; empty if it takes none. */
  usage: string
  summary: string
  run(app: App, input: CommandInput): Promise<CommandAnswer> | CommandAnswer
}

export interface CommandInput {
  session: Session
  run: Run
  /** What follows the name, trimmed. */
  args: string
}

export interface CommandAnswer {
  text: string
  /** The epoch that the answer goes to, where that is not the run's own. */
  epoch?: number
}

const files = import.meta.glob<{ command: SlashCommand }>('./commands/*.ts', { eager: true })

/** Every slash command, by name. */
export const slashCommands: readonly SlashCommand[] = Object.values(files)
  .map(file => file.command)
  .sort((a, b) => a.name.localeCompare(b.name))

/** The command that a message is, with its arguments; undefined for any other text, which goes to the model. */
export function parseCommand(text: string): { command: SlashCommand; args: string } | undefined {
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(text.trim())
  const command = slashCommands.find(({ name }) => name === match?.[1]?.toLowerCase())
  return command && { command, args: match?.[2]?.trim() ?? '' }
}

/** The model of sessions that name none, for people. */
export function modelInUse(app: App): string {
  const configured = app.config['agent.model']
  return configured === 'auto' ? (app.models.defaultChain[0]?.id ?? 'offline') : configured
}
