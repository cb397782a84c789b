import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cliPage } from './cli.ts'
import { metricsPage } from './metrics.ts'
import { protocolPage } from './protocol.ts'
import { settingsPage } from './settings.ts'
import { schemaSnapshot } from './snapshot.ts'

/** Every generated page: its path in the checkout and its text, from the tables as they are now. */
export async function generatedPages(): Promise<Map<string, string>> {
  const template = (name: string) => readFileSync(join(import.meta.dirname, `${name}.template.md`), 'utf8')
  return new Map([
    ['docs/protocol.md', protocolPage(template('protocol'))],
    ['docs/settings.md', settingsPage(template('settings'))],
    ['docs/metrics.md', metricsPage(template('metrics'))],
    ['docs/cli.md', await cliPage(template('cli'))],
    ['migrations/schema.snapshot.sql', schemaSnapshot(join(import.meta.dirname, '..', '..', 'migrations'))],
  ])
}
