import { resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { TalonClientError } from '../client/index.ts'
import { TalonError } from '../protocol/errors.ts'
import { ConfigError } from '../server/config.ts'
import { chatCommand } from './chat.ts'
import { configCommand } from './config.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { loginCommand } from './login.ts'
import { startCommand } from './start.ts'
import { statusCommand } from './status.ts'
import { tokenCommand } from './token.ts'

/** Adds one subcommand. Its action hands the exit code to `exit`. */
export type AddCommand = (parent: Command, context: Context, exit: (code: number) => void) => void

const subcommands: AddCommand[] = [startCommand, statusCommand, chatCommand, loginCommand, tokenCommand, configCommand]

/** Runs one command line (without the program's own name) and says what to exit with. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = createProgram({ ...context }, code => {
    exitCode = code
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, context)
  }
}

function createProgram(context: Context, exit: (code: number) => void): Command {
  const program = new Command('talon')
    .description('A self-hosted gateway between people, programs and AI agents.')
    .version(context.version)
    .option('--home <folder>', 'data folder (default: $TALON_HOME, else ~/.talon)')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: text => context.stdout.write(text),
      writeErr: text => context.stderr.write(text),
      getOutHelpWidth: () => context.stdout.columns ?? 100,
      getErrHelpWidth: () => context.stderr.columns ?? 100,
    })
    .showHelpAfterError('Add --help to see how it is used.')
    .exitOverride()
    .addHelpText('after', about)
    .hook('preAction', command => {
      const { home } = command.opts<{ home?: string }>()
      if (home !== undefined) context.home = resolve(home)
    })
  for (const add of subcommands) add(program, context, exit)
  return program
}

const about = `
Examples:
  talon start                       run the gateway; prints a link to sign in with
  talon chat                        talk to it in a new session
  talon chat -m "What is new?"      ask one thing and print the answer
  talon status --json               how it is, for a script

Environment:
  TALON_HOME    data folder
  TALON_URL     address of a gateway elsewhere, such as https://talon.example.org
  TALON_TOKEN   token to enter it with (needed with TALON_URL)

Exit codes:
  0 done   1 failed   2 wrong usage   3 no gateway runs   78 a setting cannot be used   130 ended by Ctrl-C`

function report(error: unknown, context: Context): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  const say = (text: string) => context.stderr.write(`${text}\n`)
  if (error instanceof CommandError) {
    say(error.message)
    return error.exitCode
  }
  if (error instanceof ConfigError) {
    say(error.message)
    return exitCodes.config
  }
  if (error instanceof TalonError || error instanceof TalonClientError) say(error.message)
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return exitCodes.failed
}
