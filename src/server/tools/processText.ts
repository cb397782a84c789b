import type { ProcessOutput, ProcessView } from './processes.ts'

/** A process in one line. */
export function lineOf({ id, name, command, folder, running, ended }: ProcessView): string {
  const called = name === undefined ? '' : ` (${name})`
  return `${id}${called}: ${running ? 'running' : `ended. ${ended}`} ${JSON.stringify(command)} in ${folder}`
}

/** A process and what it said. */
export function describeProcess(output: ProcessOutput): string {
  const { text, next, lostChars } = output
  const lost = lostChars > 0 ? `\n[… ${lostChars} characters are no longer kept …]` : ''
  const said = text === '' ? 'No new output.' : `Output:${lost}\n${text}`
  return `${lineOf(output)}\n${said}\n\nGo on reading with since=${next}.`
}
