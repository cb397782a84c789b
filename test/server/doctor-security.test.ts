import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { securityRows } from '../../src/server/doctor/security.ts'
import type { Report, Risk } from '../../src/server/doctor.ts'
import { temporaryHome } from '../support/store.ts'
import { addBackup, dayMs, examineHome, fillHome, inDatabase, type More, now, writeSettings } from './examined.ts'

let place: ReturnType<typeof temporaryHome>

beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => place.remove())

const secret = 'sk-never-to-be-shown-0123456789'
const token = `tln_abc_${'s'.repeat(43)}`
// Whatever else is set, clients of v0.3 are not served.
const closed = { TALON_PROTOCOL_LEGACY: 'false' }

/** The audit alone, as `talon doctor --security` makes it. */
async function audited({ env, ...more }: More = {}): Promise<Report> {
  const report = await examineHome(place.home, { groups: ['security'], env: { ...closed, ...env }, ...more })
  expect(JSON.stringify(report)).not.toContain(secret)
  return report
}

interface Case {
  id: string
  risk: Risk
  /** What the title says of it. */
  says: RegExp
  arrange: () => More | Promise<More>
}

const set = (env: Record<string, string>) => () => ({ env })

function remote(provider: object, mode?: number): More {
  writeSettings(
    place,
    {
      agent: {
        providers: [{ name: 'far', kind: 'openai-compatible', baseUrl: 'https://h/v1', models: ['m'], ...provider }],
      },
    },
    mode,
  )
  return {}
}

function write(name: string, content: string, mode = 0o600): string {
  const file = join(place.home, name)
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(file, content)
  chmodSync(file, mode)
  return file
}

/** Lets other accounts through to what lies in the data folder. */
function openHome(mode = 0o755): void {
  chmodSync(place.home, mode)
}

async function addToken(
  id: string,
  scopes: string[],
  times: { createdAt?: number; expiresAt?: number; usedAt?: number },
) {
  inDatabase(place, database =>
    database
      .prepare(
        `INSERT INTO tokens (id, name, hash, scopes, created_at, expires_at, last_used_at) VALUES (?, ?, 'h', ?, ?, ?, ?)`,
      )
      .run(
        id,
        `name of ${id}`,
        JSON.stringify(scopes),
        times.createdAt ?? now,
        times.expiresAt ?? null,
        times.usedAt ?? now,
      ),
  )
}

const reach: Case[] = [
  { id: 'network.bind', risk: 'high', says: /0\.0\.0\.0/, arrange: set({ TALON_HOST: '0.0.0.0' }) },
  {
    id: 'network.bind',
    risk: 'medium',
    says: /::/,
    arrange: set({ TALON_HOST: '::', TALON_SERVER_TRUSTED_PROXIES: '10.0.0.2' }),
  },
  { id: 'network.auth', risk: 'high', says: /none/, arrange: set({ TALON_AUTH_MODE: 'none' }) },
  {
    id: 'proxy.trusted',
    risk: 'high',
    says: /0\.0\.0\.0\/0/,
    arrange: set({ TALON_SERVER_TRUSTED_PROXIES: '0.0.0.0/0' }),
  },
  {
    id: 'proxy.trusted',
    risk: 'high',
    says: /::\/0/,
    arrange: set({ TALON_SERVER_TRUSTED_PROXIES: '127.0.0.1,::/0' }),
  },
  { id: 'proxy.trusted', risk: 'low', says: /10\.0/, arrange: set({ TALON_SERVER_TRUSTED_PROXIES: '10.0.0.0/8' }) },
  {
    id: 'proxy.unknown',
    risk: 'low',
    says: /talon\.example/,
    arrange: set({ TALON_SERVER_ALLOWED_HOSTS: 'talon.example' }),
  },
  {
    id: 'network.origins',
    risk: 'high',
    says: /"null"/,
    arrange: set({ TALON_SERVER_ALLOWED_ORIGINS: 'null,https://a.example' }),
  },
  { id: 'network.origins', risk: 'low', says: /"\*"/, arrange: set({ TALON_SERVER_ALLOWED_ORIGINS: '*' }) },
  {
    id: 'network.origins',
    risk: 'medium',
    says: /http:/,
    arrange: set({ TALON_SERVER_ALLOWED_ORIGINS: 'http://a.example' }),
  },
  {
    id: 'metrics.public',
    risk: 'medium',
    says: /Anybody/,
    arrange: set({ TALON_METRICS_PUBLIC: 'true', TALON_HOST: '192.0.2.1' }),
  },
  { id: 'metrics.public', risk: 'info', says: /Anybody/, arrange: set({ TALON_METRICS_PUBLIC: 'true' }) },
  { id: 'limits.enabled', risk: 'medium', says: /off/, arrange: set({ TALON_LIMITS: 'off' }) },
  {
    id: 'limits.enabled',
    risk: 'high',
    says: /off/,
    arrange: set({ TALON_LIMITS: 'off', TALON_SERVER_ALLOWED_HOSTS: 'a.example' }),
  },
  { id: 'limits.sign-in', risk: 'low', says: /5000/, arrange: set({ TALON_LIMITS_AUTH_FAILURES: '5000' }) },
  { id: 'protocol.legacy', risk: 'info', says: /v0\.3/, arrange: set({ TALON_PROTOCOL_LEGACY: 'true' }) },
  {
    id: 'protocol.legacy',
    risk: 'low',
    says: /v0\.3/,
    arrange: set({ TALON_PROTOCOL_LEGACY: 'true', TALON_HOST: '0.0.0.0' }),
  },
  { id: 'auth.cookies', risk: 'low', says: /365/, arrange: set({ TALON_AUTH_COOKIE_DAYS: '365' }) },
]

const tokens: Case[] = [
  { id: 'tokens.environment', risk: 'critical', says: /5 characters/, arrange: set({ TALON_TOKEN: 'short' }) },
  { id: 'tokens.environment', risk: 'high', says: /2 different/, arrange: set({ TALON_TOKEN: 'ab'.repeat(32) }) },
  {
    id: 'tokens.unused',
    risk: 'medium',
    says: /1 admin token not used for long: old \(name of old\)/,
    async arrange() {
      await fillHome(place, 1)
      await addToken('old', ['admin'], { createdAt: 1, usedAt: now - 91 * dayMs })
      return {}
    },
  },
  {
    id: 'tokens.unused',
    risk: 'low',
    says: /reader/,
    async arrange() {
      await fillHome(place, 1)
      await addToken('reader', ['read'], { createdAt: 1, usedAt: 1 })
      await addToken('young', ['read'], { usedAt: now - 89 * dayMs })
      return {}
    },
  },
  {
    id: 'tokens.endless',
    risk: 'low',
    says: /1 token without an end: endless/,
    async arrange() {
      await fillHome(place, 1)
      await addToken('endless', ['read'], {})
      await addToken('ending', ['read'], { expiresAt: now + dayMs })
      return {}
    },
  },
  {
    id: 'tokens.admins',
    risk: 'medium',
    says: /6 tokens have the scope admin/,
    async arrange() {
      await fillHome(place, 1)
      for (const id of 'abcdef') await addToken(id, ['admin'], { expiresAt: now + dayMs })
      await addToken('over', ['admin'], { expiresAt: now - dayMs })
      return {}
    },
  },
]

const files: Case[] = [
  {
    id: 'files.home',
    risk: 'critical',
    says: /may write/,
    arrange: () => {
      openHome(0o777)
      return {}
    },
  },
  {
    id: 'files.config',
    risk: 'low',
    says: /may read/,
    arrange() {
      openHome()
      writeSettings(place, {}, 0o644)
      return {}
    },
  },
  {
    id: 'files.config',
    risk: 'high',
    says: /with the keys in it/,
    arrange() {
      openHome()
      return remote({ apiKey: secret }, 0o640)
    },
  },
  {
    id: 'files.config',
    risk: 'critical',
    says: /may change/,
    arrange() {
      openHome()
      writeSettings(place, {}, 0o666)
      return {}
    },
  },
  ...(
    [
      [0o644, 'high'],
      [0o666, 'critical'],
    ] as const
  ).map(
    ([mode, risk]): Case => ({
      id: 'files.database',
      risk,
      says: /gateway\.db/,
      async arrange() {
        await fillHome(place, 1)
        openHome()
        chmodSync(place.file, mode)
        return {}
      },
    }),
  ),
  {
    id: 'files.secrets',
    risk: 'high',
    says: /openai\.key/,
    arrange() {
      openHome()
      write('secrets/openai.key', secret, 0o644)
      chmodSync(join(place.home, 'secrets'), 0o755)
      return {}
    },
  },
  {
    id: 'files.secrets',
    risk: 'high',
    says: /elsewhere\.key/,
    arrange() {
      openHome()
      return remote({ apiKeyFile: write('elsewhere.key', secret, 0o604) })
    },
  },
  {
    id: 'files.secrets',
    risk: 'critical',
    says: /cli\.token/,
    arrange() {
      openHome()
      write('run/cli.token', secret, 0o644)
      chmodSync(join(place.home, 'run'), 0o755)
      return {}
    },
  },
  {
    id: 'files.backups',
    risk: 'high',
    says: /1 backup/,
    arrange() {
      openHome()
      chmodSync(addBackup(place, '2026-02-19T000000Z'), 0o644)
      chmodSync(join(place.home, 'backups'), 0o755)
      return {}
    },
  },
  {
    id: 'files.log',
    risk: 'medium',
    says: /talon\.log/,
    arrange() {
      openHome()
      write('logs/talon.log', '', 0o644)
      chmodSync(join(place.home, 'logs'), 0o755)
      return {}
    },
  },
  {
    id: 'config.token',
    risk: 'high',
    says: /prompt\.md/,
    arrange() {
      write('prompt.md', `Use ${token} for it.`)
      return {}
    },
  },
  {
    id: 'config.token',
    risk: 'high',
    says: /talon\.json/,
    arrange() {
      const anyForm = 'any-form-of-at-least-thirty-two-characters'
      return { ...remote({ headers: { 'x-key': anyForm } }), env: { TALON_TOKEN: anyForm } }
    },
  },
  { id: 'config.keys', risk: 'low', says: /far/, arrange: () => remote({ apiKey: secret }) },
  { id: 'backups.automatic', risk: 'medium', says: /No automatic/, arrange: set({ TALON_BACKUP_EVERY_HOURS: 'null' }) },
  {
    id: 'backups.age',
    risk: 'low',
    says: /There is no backup/,
    async arrange() {
      await fillHome(place, 1)
      return {}
    },
  },
  {
    id: 'backups.age',
    risk: 'low',
    says: /8 days old/,
    async arrange() {
      await fillHome(place, 1)
      addBackup(place, '2026-02-11T120000Z')
      return {}
    },
  },
]

const outward: Case[] = [
  {
    id: 'providers.encryption',
    risk: 'medium',
    says: /10\.0\.0\.5/,
    arrange: () => remote({ baseUrl: 'http://10.0.0.5/v1' }),
  },
  {
    id: 'providers.encryption',
    risk: 'high',
    says: /with its key/,
    arrange: () => remote({ baseUrl: 'http://models.example/v1', apiKey: secret }),
  },
  {
    id: 'tracing.encryption',
    risk: 'low',
    says: /10\.0/,
    arrange: set({ TALON_TRACING_ENDPOINT: 'http://10.0.0.9:4318' }),
  },
  {
    id: 'tracing.encryption',
    risk: 'high',
    says: /with the headers/,
    arrange: set({
      TALON_TRACING_ENDPOINT: 'http://10.0.0.9:4318',
      TALON_TRACING_HEADERS: JSON.stringify({ authorization: secret }),
    }),
  },
  { id: 'tls.checked', risk: 'critical', says: /no certificate/, arrange: set({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }) },
]

const workspace = (path: string, machine: More['machine'] = {}) => ({ env: { TALON_TOOLS_WORKSPACE: path }, machine })

const own: Case[] = [
  { id: 'process.root', risk: 'medium', says: /This is root/, arrange: () => ({ machine: { root: true } }) },
  {
    id: 'process.debugger',
    risk: 'medium',
    says: /127\.0\.0\.1:9229/,
    arrange: () => ({ machine: { debugger: 'ws://127.0.0.1:9229/x' } }),
  },
  {
    id: 'process.debugger',
    risk: 'critical',
    says: /0\.0\.0\.0:9229/,
    arrange: () => ({ machine: { debugger: 'ws://0.0.0.0:9229/x' } }),
  },
  { id: 'process.debugger', risk: 'medium', says: /--inspect=/, arrange: set({ NODE_OPTIONS: '--inspect=9230' }) },
  { id: 'tools.workspace', risk: 'critical', says: /data folder/, arrange: () => workspace('..') },
  { id: 'tools.workspace', risk: 'critical', says: /secrets/, arrange: () => workspace('secrets/mine') },
  {
    id: 'tools.workspace',
    risk: 'critical',
    says: /data folder/,
    // Under another name.
    arrange() {
      symlinkSync(place.home, join(place.home, 'link'))
      return workspace('link')
    },
  },
  {
    id: 'tools.workspace',
    risk: 'high',
    says: /home folder/,
    arrange: () => workspace('/nowhere/account', { accountHome: '/nowhere/account' }),
  },
  { id: 'tools.workspace', risk: 'high', says: /folder of the system/, arrange: () => workspace('/etc/talon') },
  { id: 'log.level', risk: 'low', says: /debug/, arrange: set({ TALON_LOG_LEVEL: 'debug' }) },
  { id: 'log.level', risk: 'low', says: /silent/, arrange: set({ TALON_LOG_LEVEL: 'silent' }) },
  {
    id: 'log.kept',
    risk: 'low',
    says: /keepFiles/,
    arrange: set({ TALON_LOG_FILE: 'logs/a.log', TALON_LOG_KEEP_FILES: '0' }),
  },
]

const allow = (hosts: string) => set({ TALON_NETWORK_ALLOW_HOSTS: hosts })

const tools: Case[] = [
  { id: 'tools.profile', risk: 'high', says: /full/, arrange: set({ TALON_TOOLS_PROFILE: 'full' }) },
  { id: 'tools.taint', risk: 'medium', says: /off/, arrange: set({ TALON_TOOLS_TAINT: 'off' }) },
  {
    id: 'tools.approvals',
    risk: 'low',
    says: /60 minutes/,
    arrange: set({ TALON_TOOLS_APPROVAL_TIMEOUT_MS: '3600000' }),
  },
  { id: 'tools.sandbox', risk: 'high', says: /off/, arrange: set({ TALON_SANDBOX_LEVEL: 'off' }) },
  { id: 'tools.sandbox', risk: 'medium', says: /limits/, arrange: set({ TALON_SANDBOX_LEVEL: 'limits' }) },
  {
    id: 'tools.command-network',
    risk: 'medium',
    says: /sandbox\.network/,
    arrange: set({ TALON_SANDBOX_NETWORK: 'true' }),
  },
  { id: 'tools.hosts', risk: 'high', says: /0\.0\.0\.0\/0/, arrange: allow('nas.lan,0.0.0.0/0') },
  { id: 'tools.hosts', risk: 'high', says: /169\.254\.0\.0\/16/, arrange: allow('169.254.0.0/16:80') },
  { id: 'tools.hosts', risk: 'high', says: /\*\.internal/, arrange: allow('*.internal') },
  { id: 'tools.hosts', risk: 'medium', says: /127\.0\.0\.1/, arrange: allow('127.0.0.1') },
  { id: 'tools.hosts', risk: 'medium', says: /localhost/, arrange: allow('localhost') },
  { id: 'tools.hosts', risk: 'medium', says: /::\/0/, arrange: allow('::/0') },
  { id: 'budget.spending', risk: 'low', says: /No budget/, arrange: () => remote({}) },
]

const cases = [...reach, ...tokens, ...files, ...outward, ...own, ...tools]
const severities = { critical: 'error', high: 'warn', medium: 'warn', low: 'info', info: 'info' }

describe('the security audit', () => {
  test.each(cases)('finds $id of risk $risk that says $says', async ({ id, risk, says, arrange }) => {
    const report = await audited(await arrange())
    const weakness = report.findings.find(finding => finding.id === id && says.test(finding.title))
    expect(weakness).toMatchObject({ group: 'security', risk, severity: severities[risk] })
    expect(weakness?.detail).toBeTruthy()
    expect(weakness?.fix).toBeTruthy()
    expect(report.risks[risk]).toBeGreaterThan(0)
    expect(report.ok).toBe(report.risks.critical === 0)
  })

  test('finds nothing in a sound data folder, and makes every check', async () => {
    await fillHome(place, 1)
    addBackup(place, '2026-02-19T000000Z')
    await addToken('used', ['read'], { expiresAt: now + dayMs })
    await addToken('env', ['admin'], { createdAt: 1, usedAt: 1 })
    write('secrets/a.key', secret)
    const file = remote({ apiKeyFile: 'secrets/a.key', baseUrl: 'https://models.example/v1' })
    const env = {
      TALON_TOKEN: 'b5f0e1c7a9d8243610fedcba98765432',
      TALON_SERVER_TRUSTED_PROXIES: '10.0.0.2,172.16.0.0/16',
      TALON_SERVER_ALLOWED_HOSTS: 'talon.example',
      TALON_SERVER_ALLOWED_ORIGINS: 'https://talon.example,http://localhost:3000,https://[::1]',
      TALON_TRACING_ENDPOINT: 'http://127.0.0.1:4318',
      TALON_LOG_FILE: 'logs/a.log',
      TALON_NETWORK_ALLOW_HOSTS: '10.0.0.0/8,127.0.0.1:3000,localhost:3000,*.example.org,[::1]:80',
      TALON_BUDGET_DAILY_USD: '5',
    }
    const report = await audited({ ...file, env })
    expect(report.findings.filter(({ severity }) => severity !== 'ok')).toEqual([])
    expect(report.findings.map(({ id }) => id)).toEqual(securityRows.map(({ id }) => id))
    expect(report.risks).toEqual({ critical: 0, high: 0, medium: 0, low: 0, info: 0 })
  })

  test('has a case here and a line in docs/doctor.md for every check', () => {
    const ids = securityRows.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...new Set(cases.map(({ id }) => id))].sort()).toEqual([...ids].sort())
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'doctor.md'), 'utf8')
    expect(ids.filter(id => !page.includes(`| \`${id}\` |`))).toEqual([])
  })

  test('takes files for closed that lie in a closed folder, whatever their own mode', async () => {
    await fillHome(place, 1)
    writeSettings(place, {}, 0o666)
    write('secrets/a.key', secret, 0o644)
    chmodSync(place.file, 0o644)
    const report = await audited()
    expect(report.findings.filter(({ id, severity }) => id.startsWith('files.') && severity !== 'ok')).toEqual([])
  })

  test('is not made of settings that cannot be used', async () => {
    writeSettings(place, { server: { prot: 1 } })
    const { findings } = await audited()
    expect(findings.map(({ id }) => id)).toEqual(['security.settings'])
  })
})
