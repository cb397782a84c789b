import { resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { TalonClientError } from '../client/index.ts'
import { SchemaError } from '../db/schema-error.ts'
import { UnusableDatabaseError } from '../db/unusable-error.ts'
import { TalonError } from '../protocol/errors.ts'
import { ConfigError } from '../server/config.ts'
import { withSecretFiles } from '../server/secret-files.ts'
import { approvalsCommand } from './approvals.ts'
import { auditCommand } from './audit.ts'
import { backupCommand } from './backup.ts'
import { chatCommand } from './chat.ts'
import { configCommand } from './config.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { doctorCommand } from './doctor.ts'
import { exportCommand } from './export.ts'
import { importCommand } from './import.ts'
import { importSessionCommand } from './import-session.ts'
import { loginCommand } from './login.ts'
import { logsCommand } from './logs.ts'
import { migrateCommand } from './migrate.ts'
import { restartCommand } from './restart.ts'
import { restoreCommand } from './restore.ts'
import { scheduleCommand } from './schedule.ts'
import { searchCommand } from './search.ts'
import { serviceCommand } from './service.ts'
import { startCommand } from './start.ts'
import { statusCommand } from './status.ts'
import { stopCommand } from './stop.ts'
import { tokenCommand } from './token.ts'
import { trashCommand } from './trash.ts'
import { usageCommand } from './usage.ts'

/** Adds one subcommand. Its action hands the exit code to `exit`. */
export type AddCommand = (parent: Command, context: Context, exit: (code: number) => void) => void

const subcommands: AddCommand[] = [
  startCommand,
  stopCommand,
  restartCommand,
  statusCommand,
  serviceCommand,
  logsCommand,
  chatCommand,
  searchCommand,
  usageCommand,
  exportCommand,
  importSessionCommand,
  loginCommand,
  tokenCommand,
  approvalsCommand,
  scheduleCommand,
  configCommand,
  auditCommand,
  doctorCommand,
  migrateCommand,
  importCommand,
  backupCommand,
  restoreCommand,
  trashCommand,
]

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
      context.env = withSecretFiles(context.env)
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
  TALON_…_FILE  a file that holds the value, for the token or any setting

Exit codes:
  0 done   1 failed, or not ready   2 wrong usage   3 no gateway runs   74 the database is damaged or cannot be written
  78 a setting or the schema cannot be used   130 ended by Ctrl-C`

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
  if (error instanceof SchemaError) {
    say(error.message)
    return exitCodes.config
  }
  if (error instanceof UnusableDatabaseError) {
    say(error.message)
    return exitCodes.database
  }
  if (error instanceof TalonError || error instanceof TalonClientError) say(error.message)
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return exitCodes.failed
}
