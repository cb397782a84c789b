import * as z from 'zod'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { timeOf } from './text.ts'

const answerSchema = z.object({ code: z.string(), url: z.string(), expiresAt: z.number() })

export const loginCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('login')
    .description('Print a new link that signs a browser in. It works once, within 10 minutes.')
    .option('--json', 'print {code, url, expiresAt}')
    .addHelpText('after', '\nExamples:\n  talon login\n  xdg-open "$(talon login)"')
    .action(async options => exit(await login(context, options)))
}

async function login(context: Context, options: { json?: true }): Promise<number> {
  const answer = answerSchema.parse(await callApi(context, 'POST', '/auth/codes'))
  context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${answer.url}\n`)
  if (!options.json) context.stderr.write(`It works once, until ${timeOf(answer.expiresAt)}.\n`)
  return exitCodes.ok
}
