import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cliPage } from './cli.ts'
import { protocolPage } from './protocol.ts'
import { settingsPage } from './settings.ts'

/** Every generated page: its path in the checkout and its text, from the tables as they are now. */
export async function generatedPages(): Promise<Map<string, string>> {
  const template = (name: string) => readFileSync(join(import.meta.dirname, `${name}.template.md`), 'utf8')
  return new Map([
    ['docs/protocol.md', protocolPage(template('protocol'))],
    ['docs/settings.md', settingsPage(template('settings'))],
    ['docs/cli.md', await cliPage(template('cli'))],
  ])
}
