import { Writable } from 'node:stream'
import type { Context } from '../../src/cli/context.ts'
import { run } from '../../src/cli/program.ts'
import { fill } from './markdown.ts'

const columns = 100

/** docs/cli.md: the hand-written template with the help of every command, as the command prints it. */
export async function cliPage(template: string): Promise<string> {
  return fill(template, { commands: (await sections([])).join('\n\n') })
}

/** The help of a command, then that of each of its own. */
async function sections(path: readonly string[]): Promise<string[]> {
  const help = await helpOf(path)
  const own = [`## ${['talon', ...path].join(' ')}`, `\`\`\`text\n${help}\n\`\`\``].join('\n\n')
  const inner = await Promise.all(commandsIn(help).map(name => sections([...path, name])))
  return [own, ...inner.flat()]
}

function commandsIn(help: string): string[] {
  const [, list = ''] = /^Commands:\n((?:[ ].*\n?)+)/m.exec(help) ?? []
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name).filter(name => name !== 'help')
}

async function helpOf(path: readonly string[]): Promise<string> {
  let text = ''
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  // Help is printed before a command looks at anything else of its surroundings.
  const context: Context = {
    env: {},
    home: '/nowhere',
    version: '',
    stdin: process.stdin,
    stdout: Object.assign(stdout, { columns }),
    stderr: process.stderr,
    clock: { now: Date.now, monotonic: () => performance.now() },
    onStopSignal: () => () => undefined,
    onReloadSignal: () => () => undefined,
  }
  await run([...path, '--help'], context)
  return text.trimEnd().replace(/[ \t]+$/gm, '')
}
