import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { listBackups } from '../../db/sqlite/backup-files.ts'
import { configFile } from '../config.ts'
import { logFileOf } from './logs.ts'
import { othersMay } from './others.ts'
import type { Audited, SecurityRow, Weakness } from './security.ts'
import { ageText, countText, namesText, quoted } from './words.ts'

const maxReadBytes = 1024 * 1024
const maxSecretFiles = 1_000
const weekMs = 7 * 86_400_000
const talonToken = /\btln_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{20,128}/

/** What lies on the disk, and who may read it there. */
export const fileRows: readonly SecurityRow[] = [
  {
    id: 'files.home',
    fine: 'Nobody else may write in the data folder.',
    why: 'Whoever may replace talon.json or the database there is master of the gateway.',
    look: ({ home }) =>
      othersMay('write', home)
        ? [{ risk: 'critical', title: `Other accounts may write in ${home}.`, fix: `chmod 700 ${quoted(home)}` }]
        : [],
  },
  {
    id: 'files.config',
    fine: 'Nobody else may read or change talon.json.',
    why: 'It names hosts, and may hold keys of providers; who changes it decides who may sign in and what tools do.',
    look: lookAtConfig,
  },
  {
    id: 'files.database',
    fine: 'Nobody else may read or change the database.',
    why: 'Every message of every session is in it.',
    look({ file }) {
      const files = [file, `${file}-wal`]
      const fix = `chmod 600 ${quoted(file)}*`
      if (files.some(name => othersMay('write', name)))
        return [{ risk: 'critical', title: `Other accounts may change ${file}.`, fix }]
      if (!files.some(name => othersMay('read', name))) return []
      return [{ risk: 'high', title: `Other accounts may read ${file}.`, fix }]
    },
  },
  {
    id: 'files.secrets',
    fine: 'Nobody else may read keys and tokens.',
    why: 'Who has the key of a provider spends your money; who has the token of the command line has the gateway.',
    look: lookAtSecrets,
  },
  {
    id: 'files.backups',
    fine: 'Nobody else may read the backups.',
    why: 'A backup is the whole database.',
    look({ home }) {
      const folder = join(home, 'backups')
      const open = listBackups(folder).filter(({ name }) => othersMay('read', join(folder, name)))
      if (open.length === 0) return []
      const title = `Other accounts may read ${countText(open.length, 'backup')}: ${namesText(open.map(({ name }) => name))}.`
      return [{ risk: 'high', title, fix: `chmod -R go= ${quoted(folder)}` }]
    },
  },
  {
    id: 'files.log',
    fine: 'Nobody else may read the log.',
    why: 'It holds no secrets, but who came from where, when, and what they did.',
    look(subject) {
      const file = logFileOf(subject)
      if (!othersMay('read', file)) return []
      return [{ risk: 'medium', title: `Other accounts may read ${file}.`, fix: `chmod 600 ${quoted(file)}*` }]
    },
  },
  {
    id: 'config.token',
    fine: 'No token is written in the settings or the prompt.',
    why: 'Those files are shown, copied and kept in repositories; the prompt goes to providers.',
    look: lookForTokens,
  },
  {
    id: 'config.keys',
    fine: 'No key of a provider is written in the settings.',
    why: 'Copies of talon.json carry the key along, and so does its last good copy.',
    look({ providers }) {
      const inline = providers.filter(({ keyPlace }) => keyPlace?.setting === 'apiKey')
      if (inline.length === 0) return []
      const title = `The key is in the settings themselves: ${namesText(inline.map(({ name }) => name))}.`
      const fix = 'Put it into a file below secrets/ (chmod 600), and "apiKeyFile" in the place of "apiKey".'
      return [{ risk: 'low', title, fix }]
    },
  },
  {
    id: 'backups.automatic',
    fine: 'Backups are made by themselves.',
    why: 'Without one, what an intruder, a mistake or a broken disk deletes is gone.',
    look({ config }) {
      if (config['backup.everyHours'] !== null) return []
      return [{ risk: 'medium', title: 'No automatic backups are made.', fix: 'talon config set backup.everyHours=24' }]
    },
  },
  {
    id: 'backups.age',
    fine: 'A backup of the last seven days is there.',
    why: 'What was stored since the newest backup is what an intruder can destroy.',
    look({ home, database, now }) {
      if ((database.counts?.sessions ?? 0) === 0) return []
      const [newest] = listBackups(join(home, 'backups'))
      const fix = 'talon backup'
      if (!newest) return [{ risk: 'low', title: 'There is no backup.', fix }]
      const ageMs = now - newest.createdAt
      if (ageMs <= weekMs) return []
      return [{ risk: 'low', title: `The newest backup is ${ageText(ageMs)} old.`, fix }]
    },
  },
]

function lookAtConfig({ home, config, providers }: Audited): Weakness[] {
  const file = configFile(home)
  const files = [file, `${file}.last-good`]
  const fix = `chmod 600 ${quoted(file)}*`
  if (files.some(name => othersMay('write', name))) {
    return [{ risk: 'critical', title: `Other accounts may change ${file}.`, fix }]
  }
  if (!files.some(name => othersMay('read', name))) return []
  const holdsKeys =
    providers.some(({ keyPlace, headers }) => keyPlace?.setting === 'apiKey' || Object.keys(headers).length > 0) ||
    Object.keys(config['tracing.headers']).length > 0 ||
    [config['search.braveKey'], config['search.tavilyKey']].some(key => key !== '')
  const title = `Other accounts may read ${file}${holdsKeys ? ', with the keys in it' : ''}.`
  return [{ risk: holdsKeys ? 'high' : 'low', title, fix }]
}

function lookAtSecrets(subject: Audited): Weakness[] {
  const { home } = subject
  const token = join(home, 'run', 'cli.token')
  const open = [...new Set(secretFiles(subject))].filter(file => othersMay('read', file))
  const found: Weakness[] = []
  if (othersMay('read', token)) {
    const title = `Other accounts may read ${token}, which opens everything.`
    const fix = `chmod 700 ${quoted(home)} && chmod 600 ${quoted(token)} && talon restart, which makes another token`
    found.push({ risk: 'critical', title, fix })
  }
  const [first] = open
  if (first !== undefined) {
    const title = `Other accounts may read ${namesText(open)}.`
    const fix = `chmod 600 ${open.slice(0, 5).map(quoted).join(' ')}, and make new keys: these were open.`
    found.push({ risk: 'high', title, fix })
  }
  return found
}

/** Files of keys, wherever the settings say they are, and of the variables of a service. */
function secretFiles({ home, env, machine, providers }: Audited): string[] {
  const folder = join(home, 'secrets')
  const own = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []
  const config = env['XDG_CONFIG_HOME'] || join(machine.accountHome, '.config')
  return [
    ...own.slice(0, maxSecretFiles).map(name => join(folder, name)),
    ...providers.flatMap(({ keyPlace }) => (keyPlace?.setting === 'apiKeyFile' ? [keyPlace.value] : [])),
    join(config, 'talon', 'talon.env'),
    '/etc/talon/talon.env',
  ]
}

function lookForTokens({ home, env, config }: Audited): Weakness[] {
  const token = env['TALON_TOKEN'] ?? ''
  const file = configFile(home)
  return [file, `${file}.last-good`, resolve(home, config['agent.promptFile'])].flatMap(name => {
    const text = textOf(name)
    if (!talonToken.test(text) && (token === '' || !text.includes(token))) return []
    const title = `A token of Talon stands in ${name}.`
    return [{ risk: 'high', title, fix: 'Take it out, and make another: talon token revoke <id>' }]
  })
}

/** Empty where there is none that we may read. */
function textOf(file: string): string {
  try {
    const stat = statSync(file)
    return stat.isFile() && stat.size <= maxReadBytes ? readFileSync(file, 'utf8') : ''
  } catch {
    return ''
  }
}
