import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { type Prometheus, promtool, startPrometheus, whyNoPrometheus } from '../support/prometheus.ts'
import { type ScriptedProvider, scriptedProvider } from '../support/scripted-provider.ts'
import { parseYaml } from '../support/yaml.ts'

const deploy = join(import.meta.dirname, '..', '..', 'deploy')
const missing = whyNoPrometheus()
const patient = { timeout: 90_000, interval: 250 }

interface Panel {
  type: string
  title: string
  description?: string
  datasource?: { uid: string }
  fieldConfig?: { defaults: { unit?: string } }
  targets?: { expr: string; datasource: { uid: string } }[]
}

interface Dashboard {
  title: string
  panels: Panel[]
  templating: { list: { name: string; query: string | { query: string } }[] }
  annotations: { list: { expr: string }[] }
}

const dashboard: Dashboard = JSON.parse(readFileSync(join(deploy, 'grafana', 'talon.json'), 'utf8'))
const shown = dashboard.panels.filter(({ type }) => type !== 'row')
const variables = dashboard.templating.list.map(({ name }) => name)

beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing)
})

describe('the rules', () => {
  test.each(['alerts.yml', 'recording.yml'])('of %s are valid', async file => {
    expect(await promtool(['check', 'rules', join(deploy, 'prometheus', file)])).toMatchObject({ ok: true })
  })

  test('fire on what they are about, and on nothing else', async () => {
    const result = await promtool(['test', 'rules', join(deploy, 'prometheus', 'alerts.test.yml')])
    expect(result, result.output).toMatchObject({ ok: true })
  })

  test('have a test each', () => {
    const tests = readFileSync(join(deploy, 'prometheus', 'alerts.test.yml'), 'utf8')
    const names = alerts().map(({ name }) => name)
    expect(names.length).toBeGreaterThan(15)
    expect(names.filter(name => !tests.includes(`  - name: ${name}\n`))).toEqual([])
  })

  test('are what the configuration reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'talon-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    cpSync(join(deploy, 'prometheus'), folder, { recursive: true })
    writeFileSync(join(folder, 'metrics_token'), 'a token\n')
    const result = await promtool(['check', 'config', join(folder, 'prometheus.yml')])
    expect(result, result.output).toMatchObject({ ok: true })
    expect(result.output).toContain('2 rule files found')
  })
})

/** Each alert with its expression. */
function alerts(): { name: string; expression: string }[] {
  const text = readFileSync(join(deploy, 'prometheus', 'alerts.yml'), 'utf8')
  const found = [...text.matchAll(/- alert: (\w+)\n +expr: (.+)\n/g)]
  return found.map(([, name = '', expression = '']) => ({ name, expression: expression.replace(/^'(.*)'$/, '$1') }))
}

describe('the dashboard', () => {
  test('has its rows, and on each panel a description and a unit where it has numbers', () => {
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)
    expect(rows).toEqual(['Overview', 'Traffic', 'Agent and cost', 'Tools', 'Storage', 'Process'])
    expect(shown.filter(({ description = '' }) => !/\w.+\.$/.test(description)).map(({ title }) => title)).toEqual([])
    const numbers = shown.filter(({ type }) => type === 'stat' || type === 'timeseries')
    expect(numbers.filter(panel => !panel.fieldConfig?.defaults.unit).map(({ title }) => title)).toEqual([])
  })

  test('asks the data source that is chosen, and knows every variable that it uses', () => {
    const used = JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g)
    const known = [...variables, '__rate_interval']
    expect([...used].map(([, name = '']) => name).filter(name => !known.includes(name))).toEqual([])
    const targets = shown.flatMap(panel => panel.targets ?? [])
    expect(targets.length).toBeGreaterThan(60)
    // Biome reads this as a template; it is Grafana's.
    const chosen = ['$', '{datasource}'].join('')
    expect(targets.filter(({ datasource }) => datasource.uid !== chosen)).toEqual([])
  })

  test('is where the provisioning looks for it', () => {
    const folder = join(deploy, 'grafana', 'provisioning')
    const dashboards = parseYaml(readFileSync(join(folder, 'dashboards', 'talon.yml'), 'utf8'))
    expect(dashboards).toMatchObject({ providers: [{ options: { path: '/var/lib/grafana/dashboards' } }] })
    const sources = parseYaml(readFileSync(join(folder, 'datasources', 'talon.yml'), 'utf8'))
    expect(sources).toMatchObject({ datasources: [{ type: 'prometheus', url: '$PROMETHEUS_URL' }] })
  })
})

describe('a Prometheus that scrapes a Talon at work', () => {
  let provider: ScriptedProvider
  let gateway: TestGateway
  let prometheus: Prometheus
  let working: Promise<void>
  const stop = new AbortController()

  beforeAll(async () => {
    if (missing !== undefined) return
    provider = await scriptedProvider(answers)
    const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, models: ['m'] }]
    const env = { TALON_AGENT_PROVIDERS: JSON.stringify(providers), TALON_AGENT_RETRIES: '0', TALON_LIMITS: 'off' }
    const budget = {
      TALON_BUDGET_DAILY_USD: '1000000',
      TALON_BUDGET_PRICES: '{"acme/m": {"input": 3, "output": 15}}',
    }
    gateway = await testGateway({ env: { ...env, ...budget } })
    await gateway.app.backups.create()
    prometheus = await startPrometheus(configuration(new URL(gateway.url).host, await gateway.token('metrics')))
    working = work(gateway, stop.signal)
  })

  afterAll(async () => {
    stop.abort()
    await working
    await prometheus?.[Symbol.asyncDispose]()
    await gateway?.[Symbol.asyncDispose]()
    await provider?.close()
  })

  test('has something to show for every query of the dashboard', { timeout: 180_000 }, async () => {
    await seenOften(prometheus)
    const expressions = shown.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
    for (const { title, expr } of expressions) {
      await vi.waitFor(
        async () => expect(await prometheus.query(filled(expr)), `${title}: ${expr}`).not.toEqual([]),
        patient,
      )
    }
    for (const { expr } of dashboard.annotations.list) await prometheus.query(filled(expr))
    for (const { query } of dashboard.templating.list) {
      const [, series] = /^label_values\((.+), \w+\)$/.exec(typeof query === 'string' ? '' : query.query) ?? []
      if (series !== undefined) expect(await prometheus.query(filled(series)), series).not.toEqual([])
    }
  })

  test('has a value for what every alert looks at', {
    timeout: 180_000,
  }, async () => {
    await seenOften(prometheus)
    for (const { name, expression } of alerts()) {
      const [, looksAt] = /^(.+) (?:==|>|<) [\d.]+$/.exec(expression) ?? []
      if (looksAt === undefined) throw new Error(`${name} has no bound at its end: ${expression}`)
      await vi.waitFor(async () => {
        expect(await prometheus.query(looksAt), `${name}: ${looksAt}`).not.toEqual([])
      }, patient)
      await prometheus.query(expression)
    }
  })
})

/** As Grafana fills in its variables. */
function filled(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'talon').replaceAll('$instance', '.+')
}

/** Rates need what they count to have been there at several scrapes. */
async function seenOften(prometheus: Prometheus): Promise<void> {
  const slowest = ['talon_tools_executed_total', 'talon_websocket_closes_total', 'talon_runs_total{state="failed"}']
  for (const series of [...slowest, 'talon_backup_age_seconds']) {
    await vi.waitFor(async () => {
      const [found] = await prometheus.query(`min(count_over_time(${series}[10m]))`)
      expect(Number(found?.value[1] ?? 0), series).toBeGreaterThan(3)
    }, patient)
  }
}

function configuration(host: string, token: string): string {
  const rules = ['recording.yml', 'alerts.yml'].map(file => `  - ${join(deploy, 'prometheus', file)}\n`)
  return `global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files:
${rules.join('')}scrape_configs:
  - job_name: talon
    authorization:
      credentials: ${token}
    static_configs:
      - targets: ['${host}']
`
}

/** A tool, then text; and now and then the provider is out of order. */
function answers(_request: unknown, index: number) {
  if (index % 5 === 4) return { status: 500 }
  const toolCall = { id: `call-${index}`, name: 'file_list', args: '{"path":"."}' }
  if (index % 5 === 0) return { steps: [{ toolCall }], reason: 'tool_calls' as const }
  return { steps: ['An answer.'], usage: { input: 20, output: 5 } }
}

/** A little of everything, again and again. */
async function work(gateway: TestGateway, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const client = gateway.client()
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
    const ended = new Promise<void>(resolve => {
      client.subscribe(sessionId, {}, event => {
        if (event.type === 'run.finished') resolve()
      })
    })
    await client.request('session.send_message', { sessionId, text: 'What is here?' })
    await client.request('tools.invoke', { toolName: 'file_list', args: { path: '.' } })
    await client.request('session.search', { query: 'answer', limit: 5 })
    await client.request('gateway.status', {})
    await ended
    client.close()
    await gateway.fetch('/api/v1/sessions')
    await gateway.fetch('/nothing-here')
    await gateway.fetch('/api/v1/status', { token: 'wrong' })
    await delay(100, undefined, { signal }).catch(() => undefined)
  }
}
