import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { testGateway } from '../support/gateway.ts'
import { parseYaml, type Yaml } from '../support/yaml.ts'

const root = join(import.meta.dirname, '..', '..')
const deploy = join(root, 'deploy')
const execute = promisify(execFile)
const manifest: { version: string } = JSON.parse(read('package.json'))

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

interface Stage {
  from: string
  name: string | undefined
  instructions: { word: string; rest: string }[]
}

/** The stages of the Dockerfile, with lines that go on joined. */
function stages(): Stage[] {
  const lines = read('deploy/Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n')
  const found: Stage[] = []
  for (const line of lines) {
    const [, word = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? []
    const [from = '', , name] = rest.split(' ')
    if (word === 'FROM') found.push({ from, name, instructions: [] })
    else if (word !== '') found.at(-1)?.instructions.push({ word, rest })
  }
  return found
}

function lastStage(): Stage {
  const last = stages().at(-1)
  if (!last) throw new Error('The Dockerfile has no stages.')
  return last
}

function instructions(stage: Stage, word: string): string[] {
  return stage.instructions.filter(each => each.word === word).map(({ rest }) => rest)
}

/** What a stage copies: from the checkout, or from another stage. */
function copies(stage: Stage): { from: string | undefined; sources: string[] }[] {
  return instructions(stage, 'COPY').map(rest => {
    const words = rest.split(' ')
    const from = words.find(word => word.startsWith('--from='))?.slice('--from='.length)
    return { from, sources: words.filter(word => !word.startsWith('--')).slice(0, -1) }
  })
}

const copied = stages().flatMap(stage => copies(stage).flatMap(({ from, sources }) => (from ? [] : sources)))

describe('the Dockerfile', () => {
  test('copies files that exist and that .dockerignore lets through', () => {
    const [everything, ...allowed] = read('.dockerignore')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
    expect(everything).toBe('*')
    expect(copied.length).toBeGreaterThan(8)
    expect(copied.filter(file => !existsSync(join(root, file)))).toEqual([])
    expect(copied.filter(file => !allowed.includes(`!${file}`))).toEqual([])
    // What is let through and copied by nobody would be sent to the builder for nothing.
    expect(allowed.filter(line => !copied.includes(line.slice(1)))).toEqual([])
  })

  test('copies all that the build reads, or the image would build anew at its start', () => {
    const [, list = ''] = /^const inputs = (\[.*\])$/m.exec(read('scripts/freshness.mjs')) ?? []
    const inputs: string[] = JSON.parse(list.replaceAll("'", '"'))
    expect(inputs).toContain('src')
    expect(inputs.filter(input => !copied.includes(input))).toEqual([])
    expect(copies(lastStage()).flatMap(({ sources }) => sources)).not.toContain('/app/scripts')
  })

  test('starts every stage from the base that may be chosen', () => {
    const names = stages().map(({ name }) => name)
    expect(stages().filter(({ from }) => !/^\$\{BASE\}$/.test(from) && !names.includes(from))).toEqual([])
    expect(read('deploy/Dockerfile')).toMatch(/^ARG BASE=node:\$\{NODE_VERSION\}-bookworm-slim$/m)
  })

  test('takes packages into its last stage from one without development packages', () => {
    const last = lastStage()
    const from = copies(last).find(({ sources }) => sources.includes('/app/node_modules'))?.from
    const installs = instructions(stages().find(({ name }) => name === from) ?? last, 'RUN')
    expect(installs.filter(run => run.includes('npm '))).toEqual([expect.stringContaining('npm ci --omit=dev')])
    expect(instructions(last, 'RUN').filter(run => run.includes('npm '))).toEqual([])
  })

  test('ends in an image that is not root, with an init, a health command and a volume', () => {
    const last = lastStage()
    expect(instructions(last, 'USER')).toEqual(['10001:10001'])
    expect(instructions(last, 'VOLUME')).toEqual(['/data'])
    expect(JSON.parse(instructions(last, 'ENTRYPOINT').join())[0]).toBe('/usr/bin/tini')
    expect(JSON.parse(instructions(last, 'CMD').join())).toEqual(['start'])
    expect(instructions(last, 'HEALTHCHECK').join()).toMatch(/ CMD \["node", "\/app\/healthcheck\.mjs"\]$/)
    expect(instructions(last, 'ENV').join()).toMatch(/TALON_HOME=\/data TALON_HOST=0\.0\.0\.0/)
  })

  test('gives Node the flags of the first line of the program', () => {
    const [, flags] = /^#!\/usr\/bin\/env -S node (.+)$/m.exec(read('bin/talon.mjs')) ?? []
    const command: string[] = JSON.parse(instructions(lastStage(), 'ENTRYPOINT').join())
    expect(command.slice(2)).toEqual(['node', ...(flags ?? '').split(' '), '/app/bin/talon.mjs'])
  })

  test('is labelled with the version of the package', () => {
    expect(instructions(lastStage(), 'ARG')).toEqual([`VERSION=${manifest.version}`])
  })
})

type Service = Record<string, Yaml>

function services(): [string, Service][] {
  const { services } = record(parseYaml(read('deploy/compose.yaml')))
  return Object.entries(record(services)).map(([name, service]) => [name, record(service)])
}

function record(value: Yaml | undefined): Record<string, Yaml> {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`This is no map: ${JSON.stringify(value)}`)
  return value
}

function texts(value: Yaml | undefined): string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.some(item => typeof item !== 'string'))
    throw new Error('This is no list of texts.')
  return value.map(String)
}

describe('the compose file', () => {
  test('has Talon, Prometheus and Grafana', () => {
    expect(services().map(([name]) => name)).toEqual(['talon', 'prometheus', 'grafana'])
  })

  test.each(services())('lets %s listen for this machine only, and gives it no rights', (_name, service) => {
    const ports = texts(service['ports'])
    expect(ports.length).toBeGreaterThan(0)
    expect(ports.filter(port => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([])
    expect(service).toMatchObject({
      read_only: 'true',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      healthcheck: { test: expect.arrayContaining(['CMD']) },
    })
    for (const key of ['privileged', 'network_mode', 'cap_add', 'devices']) expect(service).not.toHaveProperty(key)
  })

  test.each(services())('takes the secrets of %s from files', (_name, service) => {
    const environment = record(service['environment'] ?? {})
    const secret = Object.keys(environment).filter(name => /TOKEN|PASSWORD|SECRET|KEY/.test(name))
    expect(secret.filter(name => !/_FILE$/.test(name))).toEqual([])
    const given = texts(service['secrets'])
    expect(given.length).toBeGreaterThan(0)
    const named = Object.values(environment).filter(value => String(value).startsWith('/run/secrets/'))
    expect(named.filter(file => !given.includes(String(file).slice('/run/secrets/'.length)))).toEqual([])
    const known = record(record(parseYaml(read('deploy/compose.yaml')))['secrets'])
    expect(given.filter(name => record(known[name])['file'] !== `./secrets/${name}`)).toEqual([])
  })

  test.each(services())('pins the image of %s', (name, service) => {
    expect(service['image']).toMatch(/:v?\d+\.\d+\.\d+$/)
    if (name === 'talon') expect(service['image']).toBe(`talon:${manifest.version}`)
  })

  test.each(services())('mounts into %s files that exist and volumes that are declared', (_name, service) => {
    const declared = Object.keys(record(record(parseYaml(read('deploy/compose.yaml')))['volumes']))
    for (const volume of texts(service['volumes'])) {
      const [source = '', , mode] = volume.split(':')
      if (!source.startsWith('./')) expect(declared).toContain(source)
      else {
        expect(mode).toBe('ro')
        expect(existsSync(join(deploy, source)), source).toBe(true)
      }
    }
  })

  test('gives Talon the time that its stop may take, and tells it the name that Prometheus asks by', () => {
    const { talon } = Object.fromEntries(services())
    expect(Number.parseInt(String(talon?.['stop_grace_period']), 10)).toBeGreaterThan(10)
    const scrape = JSON.stringify(parseYaml(read('deploy/compose.prometheus.yml')))
    expect(scrape).toContain('"talon:19789"')
    expect(scrape).toContain('/run/secrets/metrics_token')
    expect(record(talon?.['environment'])).toMatchObject({ TALON_SERVER_ALLOWED_HOSTS: 'talon' })
  })
})

describe('the reader of YAML', () => {
  test('reads maps, lists, maps in lists and lists in lines', () => {
    const text = 'a: # why\n  b: "x: y" # why\n  c: [1, two]\nd:\n  - e: 1\n    f:\n      - g\n  - http://h:1/#i\n'
    expect(parseYaml(text)).toEqual({ a: { b: 'x: y', c: ['1', 'two'] }, d: [{ e: '1', f: ['g'] }, 'http://h:1/#i'] })
  })

  test.each(['a: 1\na: 2', 'a: 1\n  b: 2', 'a:\n\tb: 1', 'a: |\n  b', 'a\n', 'a:\n  b: 1\n c: 2', '- a\nb: 1'])(
    'refuses %j',
    text => {
      expect(() => parseYaml(text)).toThrow()
    },
  )
})

describe('what is installed for production', () => {
  interface Locked {
    dev?: true
    devOptional?: true
    optional?: true
  }
  const { packages }: { packages: Record<string, Locked> } = JSON.parse(read('package-lock.json'))
  const folders = Object.keys(packages).filter(path => path !== '' && !packages[path]?.dev)
  const [maxPackages, maxBytes] = [120, 90_000_000]

  test(`has at most ${maxPackages} packages, and no Node`, () => {
    expect(folders.length).toBeGreaterThan(20)
    expect(folders.length).toBeLessThanOrEqual(maxPackages)
    expect(folders).not.toContain('node_modules/node')
  })

  test(`takes at most ${maxBytes / 1_000_000} MB`, () => {
    const installed = folders.filter(folder => existsSync(join(root, folder)))
    expect(installed.length).toBeGreaterThan(20)
    const ours = ['bin', 'dist/client', 'dist/server', 'migrations'].filter(folder => existsSync(join(root, folder)))
    const bytes = [...installed, ...ours].map(folder => sizeOf(join(root, folder))).reduce((sum, size) => sum + size)
    expect(bytes).toBeLessThanOrEqual(maxBytes)
  })
})

/** Without the packages within, which are counted by themselves. */
function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true })
  const sizes = entries.map(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? 0 : sizeOf(path)
    // Another test may build at this moment.
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}

describe('the health command', () => {
  const check = (home: string) =>
    execute(process.execPath, [join(deploy, 'healthcheck.mjs')], { env: { ...process.env, TALON_HOME: home } })

  test('is 0 while a gateway answers, and 1 after it has stopped', async () => {
    const gateway = await testGateway()
    try {
      expect(await check(gateway.home)).toMatchObject({ stdout: 'GET /livez: 200\n', stderr: '' })
      await gateway.stop()
      await expect(check(gateway.home)).rejects.toMatchObject({ code: 1, stderr: '' })
    } finally {
      await gateway[Symbol.asyncDispose]()
    }
  })

  test('is 1 where no gateway ever was', async () => {
    const home = mkdtempSync(join(tmpdir(), 'talon-health-'))
    await expect(check(home)).rejects.toMatchObject({ code: 1, stderr: '' })
    rmSync(home, { recursive: true })
  })
})

describe('the scripts that verify', () => {
  const scripts = readdirSync(join(deploy, 'verify')).filter(name => name.endsWith('.sh'))

  test.each(scripts)('%s is a program that bash can read', async name => {
    const file = join(deploy, 'verify', name)
    expect(statSync(file).mode & 0o111).toBe(0o111)
    expect(await execute('bash', ['-n', file])).toEqual({ stdout: '', stderr: '' })
  })

  test('no file names a registry of packages', () => {
    const files = readdirSync(deploy, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    const named = files
      .map(entry => join(entry.parentPath, entry.name))
      .filter(file => !file.includes(join('deploy', 'secrets')))
      .filter(file => /registry\s*=\s*https?:|_authToken/.test(readFileSync(file, 'utf8')))
    expect(named).toEqual([])
  })
})
