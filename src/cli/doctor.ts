import type { Group, GroupedFinding, Report } from '../server/doctor.ts'
import { callApi } from './api.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { printable } from './text.ts'

interface Options {
  json?: true
  full?: true
  security?: true
  offline?: true
}

type Doctor = typeof import('../server/doctor.ts')

// Each has its sign and its word: no meaning is told by a colour alone.
const signs = { ok: '✓', info: '·', warn: '!', error: '✗' } as const
const words = { ok: '', info: '', warn: 'Warning: ', error: 'Error: ' } as const
const riskWords = { critical: 'Critical: ', high: 'High: ', medium: 'Medium: ', low: 'Low: ', info: 'Note: ' } as const

/** What a gateway that runs knows better than this command: its settings, its environment, its process. */
const ofGateway: readonly Group[] = ['settings', 'network', 'providers', 'gateway', 'security']

export const doctorCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('doctor')
    .description('Look for trouble and for weaknesses, and say how to mend them. It changes nothing.')
    .option('--security', 'the security audit alone, every check of it')
    .option('--offline', 'ask no provider whether it answers')
    .option('--full', 'check every page of the database, also where it is larger than 1 GB')
    .option('--json', 'print {ok, counts, risks, findings: [{id, group, severity, risk, title, detail, fix}]}')
    .addHelpText('after', help)
    .action(async options => exit(await doctor(context, options)))
}

const help = `
Examples:
  talon doctor
  talon doctor --security
  talon doctor --json | jq '.findings[] | select(.severity == "error")'

It works with and without a running gateway, and on a data folder that no gateway can use any more. A gateway that runs
is asked about itself, its settings and its providers; with TALON_URL, the one there is. Providers are asked for their
list of models, which costs nothing. Exit code 1 if there is an error or a critical weakness, 0 with warnings only.
What it looks at: docs/doctor.md`

async function doctor(context: Context, options: Options): Promise<number> {
  // Loaded here, because no other command needs it.
  const program = await import('../server/doctor.ts')
  const report = context.env.TALON_URL
    ? await askGateway(program, context, options, options.security ? ['security'] : groupsOf(program))
    : await lookHere(program, context, options)
  const text = options.json ? `${JSON.stringify(report)}\n` : textOf(report, program, options.security === true)
  context.stdout.write(text)
  return report.ok ? exitCodes.ok : exitCodes.failed
}

/** This machine's data folder, and the gateway that runs on it, if one does. */
async function lookHere(program: Doctor, context: Context, options: Options): Promise<Report> {
  const { home, env, version, clock } = context
  const groups = options.security ? (['security'] as const) : groupsOf(program)
  const asked = groups.filter(group => ofGateway.includes(group))
  const answer = await answerOf(program, context, options, asked)
  if (typeof answer === 'object' && options.security) return answer
  const report = await program.examine({
    ...{ home, env, version, now: clock.now(), monotonic: clock.monotonic },
    full: options.full === true,
    offline: options.offline === true,
    groups: typeof answer === 'object' ? groups.filter(group => !asked.includes(group)) : groups,
  })
  const order = groupsOf(program)
  const more = typeof answer === 'object' ? answer.findings : silent(answer)
  const findings = [...report.findings, ...more].sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group))
  return { ...report, ...program.tallyOf(findings) }
}

/** The report of the gateway on this data folder; why it gave none, in a sentence; undefined if none runs. */
async function answerOf(
  program: Doctor,
  context: Context,
  options: Options,
  groups: readonly Group[],
): Promise<Report | string | undefined> {
  try {
    return await askGateway(program, context, options, groups)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return error.exitCode === exitCodes.notRunning ? undefined : error.message
  }
}

/** What a gateway says of itself. An older one says more than it was asked, and did not count risks. */
async function askGateway(
  program: Doctor,
  context: Context,
  { full, offline }: Options,
  groups: readonly Group[],
): Promise<Report> {
  const query = [full && 'full', offline && 'offline', `groups=${groups.join(',')}`].filter(Boolean).join('&')
  const report = (await callApi(context, 'GET', `/doctor?${query}`)) as Report // Of this shape since there is such a report.
  return { ...report, ...program.tallyOf(report.findings.filter(({ group }) => groups.includes(group))) }
}

function silent(reason: string | undefined): GroupedFinding[] {
  if (reason === undefined) return []
  const title = 'The gateway was not asked about itself: what is said of settings is what this shell would start with.'
  const fix = 'Unset TALON_TOKEN, or use the account that the gateway runs under.'
  return [{ id: 'gateway.answers', group: 'gateway', severity: 'warn', title, detail: reason, fix }]
}

function groupsOf({ groups }: Doctor): Group[] {
  return Object.keys(groups) as Group[] // The keys of a literal table, which Object.keys widens to string.
}

function textOf(report: Report, { groups, risks }: Doctor, security: boolean): string {
  const sections = Object.entries(groups).flatMap(([group, name]) => {
    const findings = report.findings.filter(finding => finding.group === group)
    const lines = group === 'security' && !security ? shortly(findings) : findings.map(linesOf)
    return findings.length === 0 ? [] : [`${name}\n${lines.join('')}`]
  })
  const end = security ? summaryOfRisks(report, risks) : summary(report.counts.error, report.counts.warn)
  return `${sections.join('\n')}\n${end}\n`
}

/** What was found, and how much was not: who wants all of it asks for it. */
function shortly(findings: GroupedFinding[]): string[] {
  const trouble = findings.filter(({ severity }) => severity !== 'ok')
  const fine = findings.length - trouble.length
  const last = `  ${signs.ok} ${fine} checks found nothing (talon doctor --security shows each).\n`
  return [...trouble.map(linesOf), ...(fine > 0 ? [last] : [])]
}

function linesOf({ severity, risk, title, detail, fix }: GroupedFinding): string {
  const more = [detail, fix && `→ ${fix}`].filter(text => text !== null && text !== '')
  const word = risk ? riskWords[risk] : words[severity]
  return [`  ${signs[severity]} ${word}${title}`, ...more.map(text => `      ${text}`)]
    .map(line => `${printable(line)}\n`)
    .join('')
}

function summary(errors: number, warnings: number): string {
  if (errors + warnings === 0) return 'No trouble found.'
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  return `${count(errors, 'error')}, ${count(warnings, 'warning')}.`
}

function summaryOfRisks(report: Report, risks: Doctor['risks']): string {
  const found = risks.filter(risk => risk !== 'info' && report.risks[risk] > 0)
  return found.length === 0 ? 'No weakness found.' : `${found.map(risk => `${report.risks[risk]} ${risk}`).join(', ')}.`
}
