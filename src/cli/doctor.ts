import type { Report } from '../server/doctor.ts'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { printable } from './text.ts'

interface Options {
  json?: true
  full?: true
}

// Each has its sign and its word: no meaning is told by a colour alone.
const signs = { ok: '✓', info: '·', warn: '!', error: '✗' } as const
const words = { ok: '', info: '', warn: 'Warning: ', error: 'Error: ' } as const

export const doctorCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('doctor')
    .description('Look for trouble in the data folder and say how to mend it. It changes nothing.')
    .option('--full', 'check every page of the database, also where it is larger than 1 GB')
    .option('--json', 'print {ok, counts, findings: [{id, group, severity, title, detail, fix}]}')
    .addHelpText('after', help)
    .action(async options => exit(await doctor(context, options)))
}

const help = `
Examples:
  talon doctor
  talon doctor --json | jq '.findings[] | select(.severity == "error")'

It works with and without a running gateway, and on a data folder that no gateway can use any more. With TALON_URL, the
gateway there looks at itself. Exit code 1 if there is an error, 0 with warnings only.`

async function doctor(context: Context, { json, full }: Options): Promise<number> {
  // Loaded here, because no other command needs it.
  const { examine, groups } = await import('../server/doctor.ts')
  const { env, home, version, clock } = context
  const report = env.TALON_URL
    ? await askGateway(context, full === true)
    : await examine({ home, env, version, now: clock.now(), full: full === true })
  context.stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report, groups))
  return report.ok ? exitCodes.ok : exitCodes.failed
}

/** What a gateway elsewhere says of itself; it is of this shape since there is such a report. */
async function askGateway(context: Context, full: boolean): Promise<Report> {
  return (await callApi(context, 'GET', `/doctor${full ? '?full' : ''}`)) as Report
}

function textOf(report: Report, groups: Readonly<Record<string, string>>): string {
  const sections = Object.entries(groups).flatMap(([group, name]) => {
    const findings = report.findings.filter(finding => finding.group === group)
    return findings.length === 0 ? [] : [`${name}\n${findings.map(linesOf).join('')}`]
  })
  const { error, warn } = report.counts
  return `${sections.join('\n')}\n${summary(error, warn)}\n`
}

function linesOf({ severity, title, detail, fix }: Report['findings'][number]): string {
  const more = [detail, fix && `→ ${fix}`].filter(text => text !== null && text !== '')
  return [`  ${signs[severity]} ${words[severity]}${title}`, ...more.map(text => `      ${text}`)]
    .map(line => `${printable(line)}\n`)
    .join('')
}

function summary(errors: number, warnings: number): string {
  if (errors + warnings === 0) return 'No trouble found.'
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  return `${count(errors, 'error')}, ${count(warnings, 'warning')}.`
}
