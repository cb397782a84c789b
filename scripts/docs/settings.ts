import type * as z from 'zod'
import { variableOf } from '../../src/server/config.ts'
import { type SettingKey, settings } from '../../src/server/settings.ts'
import { fill, table } from './markdown.ts'
import { describe } from './schema.ts'

interface Row {
  schema: z.ZodType
  default: unknown
  doc: string
  live: boolean
  secret?: true
}

const keys = Object.keys(settings) as SettingKey[] // The keys of a literal table, which Object.keys widens to string.

/** docs/settings.md: the hand-written template with a table of the settings of each section. */
export function settingsPage(template: string): string {
  const sections = [...new Set(keys.map(key => key.split('.')[0] ?? ''))]
  return fill(template, { settings: sections.map(section).join('\n\n') })
}

function section(name: string): string {
  const rows = keys.filter(key => key.startsWith(`${name}.`)).map(row)
  return `## ${name}\n\n${table(['Key', 'Variable', 'Type', 'Default', 'Live', 'What it does'], rows)}`
}

function row(key: SettingKey): string[] {
  const { schema, default: standard, live, doc, secret }: Row = settings[key]
  const { type, bounds } = describe(schema)
  return [
    `\`${key}\``,
    `\`${variableOf(key)}\``,
    bounds === '' ? type : `${type}, ${bounds}`,
    `\`${JSON.stringify(standard)}\``,
    live ? 'yes' : 'no',
    secret ? `${doc} Never shown.` : doc,
  ]
}
