import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { eventExamples, requestExamples } from '../scripts/docs/examples.ts'
import { generatedPages } from '../scripts/docs/generated.ts'
import { fill } from '../scripts/docs/markdown.ts'
import { legacyRoutes, type Route, routes } from '../scripts/docs/routes.ts'
import type { EventRow } from '../src/protocol/events.ts'
import { type EventType, events, type RequestType, requests } from '../src/protocol/messages.ts'
import type { RequestRow } from '../src/protocol/requests.ts'
import { providersSchema } from '../src/server/agent/providers.ts'
import { mountHealth } from '../src/server/api/health.ts'
import { mountLegacyApi } from '../src/server/api/legacy.ts'
import { mountMetrics } from '../src/server/api/metrics.ts'
import type { HttpEnv } from '../src/server/http.ts'
import type { App } from '../src/server/record.ts'
import { settings } from '../src/server/settings.ts'

const root = join(import.meta.dirname, '..')
const execute = promisify(execFile)

describe('the examples of the protocol', () => {
  // The keys of literal tables, which Object.keys widens to string.
  test.each(Object.keys(requests) as RequestType[])('are a request and a reply of %s, with no field too many', type => {
    const { payload, result }: RequestRow = requests[type]
    const { request, reply } = requestExamples[type]
    expect(payload.parse(request)).toMatchObject(request)
    expect(result.parse(reply)).toEqual(reply)
  })

  test.each(Object.keys(events) as EventType[])('are an event %s, with no field too many', type => {
    const { payload }: EventRow = events[type]
    expect(payload.parse(eventExamples[type])).toEqual(eventExamples[type])
  })
})

describe('the routes of the docs', () => {
  test('are the routes that are mounted', () => {
    const http = new Hono<HttpEnv>()
    // Mounting looks at this one setting; only a request needs the rest of the record.
    const app = { config: { 'protocol.legacy': true } } as unknown as App
    mountHealth(http, app)
    mountMetrics(http, app)
    const files = import.meta.glob<{ routes: (http: Hono<HttpEnv>, app: App) => void }>('../src/server/api/v1/*.ts', {
      eager: true,
    })
    for (const file of Object.values(files)) file.routes(http, app)
    expect(namesOf(routes)).toEqual(mounted(http))
    const legacy = new Hono<HttpEnv>()
    mountLegacyApi(legacy, app)
    expect(namesOf(legacyRoutes)).toEqual(mounted(legacy))
  })

  test('need the scope of the request that they do the work of', () => {
    const wrong = [...routes, ...legacyRoutes].filter(({ like, scope, path }) => {
      // v0.3 shows its health to everybody.
      return like !== undefined && path !== '/api/health' && requests[like].scope !== scope
    })
    expect(wrong).toEqual([])
  })
})

function namesOf(shown: readonly Route[]): string[] {
  return shown.map(({ method, path }) => `${method} ${path}`).sort()
}

function mounted(http: Hono<HttpEnv>): string[] {
  const names = http.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
  return [...new Set(names)].sort()
}

describe('the generated pages', () => {
  test('show every request, event and setting', async () => {
    const pages = await generatedPages()
    for (const type of [...Object.keys(requests), ...Object.keys(events)]) {
      expect(pages.get('docs/protocol.md')).toContain(`### \`${type}\``)
    }
    for (const key of Object.keys(settings)) expect(pages.get('docs/settings.md')).toContain(`\`${key}\``)
    expect(pages.get('docs/cli.md')).toContain('## talon token create')
  })

  test('are refused if template and texts do not match', () => {
    expect(fill('a {{b}} c', { b: 'x' })).toBe('a x c')
    expect(() => fill('a {{b}} c', {})).toThrow('Nothing is there for {{b}}.')
    expect(() => fill('a', { b: 'x' })).toThrow('The template has no place for b.')
  })

  test('are written where they are stale, and --check names them and fails', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'talon-docs-'))
    try {
      for (const part of ['scripts', 'src', 'docs', 'migrations', 'package.json']) {
        cpSync(join(root, part), join(copy, part), { recursive: true })
      }
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
      const script = join(copy, 'scripts', 'docs.mjs')
      await execute(process.execPath, [script])
      const fresh = await execute(process.execPath, [script, '--check'])
      expect(fresh).toEqual({ stdout: '', stderr: '' })
      writeFileSync(join(copy, 'docs', 'settings.md'), 'stale\n')
      const stale = execute(process.execPath, [script, '--check'])
      await expect(stale).rejects.toMatchObject({ code: 1, stderr: 'docs/settings.md is stale. Run: npm run docs\n' })
      const { stdout } = await execute(process.execPath, [script])
      expect(stdout).toBe('Wrote docs/settings.md.\n')
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
})

describe('the docs', () => {
  const pages = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'))

  test.each(pages)('%s links to files and headings that exist', name => {
    const file = join(root, 'docs', name)
    const text = readFileSync(file, 'utf8')
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(([, path, anchor]) => {
      const target = path ? join(dirname(file), path) : file
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor)
    })
    expect(broken.map(([link]) => link)).toEqual([])
  })

  test('show providers that the gateway takes', () => {
    const text = readFileSync(join(root, 'docs', 'providers.md'), 'utf8')
    const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, example = '']) => JSON.parse(example))
    const providers = examples.flatMap(example => example.agent?.providers ?? [example])
    expect(providers.length).toBeGreaterThan(6)
    for (const provider of providers) expect(providersSchema.safeParse([provider]).error).toBeUndefined()
    for (const { agent } of examples.filter(example => example.agent)) {
      for (const key of Object.keys(agent)) expect(Object.keys(settings)).toContain(`agent.${key}`)
    }
  })

  test('name every dependency in docs/dependencies.md', () => {
    const manifest: { dependencies: object; devDependencies: object } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    const text = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8')
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(names.filter(name => !text.includes(`| \`${name}\` |`))).toEqual([])
    const told = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name)
    expect(told.filter(name => !names.includes(name))).toEqual([])
  })
})

/** The anchors that a page has by its headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}
