import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hostname, networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { whyNoSandbox } from '../../../support/sandbox.ts'
import { attacks, missing, type Target } from './attacks.ts'
import { walled } from './walled.ts'

const reason = await whyNoSandbox()
const canary = 'canary-of-the-sandbox'
/** Attacks in one start of the sandbox: each runs in a shell of its own. */
const perStart = 50
/** As many have to be tried, whatever programs a machine lacks. */
const fewest = 200

const watched = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sys/net/ipv4/ip_forward']

const runner = `
cd attacks
for file in *.sh; do
  (cd .. && timeout -k 1 10 bash "attacks/$file" </dev/null >/dev/null 2>&1)
  echo "$file $?"
done`

describe.skipIf(reason !== undefined)('the sandbox', () => {
  test('refuses every attack of the table', async () => {
    await using bench = await walled()
    await using target = await planted(bench.home, bench.workspace)
    const before = watched.map(file => readFileSync(file, 'utf8'))
    const codes: number[] = []
    for (let start = 0; start < attacks.length; start += perStart) {
      const folder = join(bench.workspace, 'attacks')
      mkdirSync(folder)
      for (const [at, { script }] of attacks.slice(start, start + perStart).entries()) {
        writeFileSync(join(folder, `${String(at).padStart(3, '0')}.sh`), script)
      }
      const { stdout, stderr } = await bench.shell(runner, { env: { ...target.variables }, timeLimitMs: 300_000 })
      expect(stderr).toBe('')
      codes.push(
        ...stdout
          .trim()
          .split('\n')
          .map(line => Number(line.split(' ')[1])),
      )
      rmSync(folder, { recursive: true })
    }
    expect(codes).toHaveLength(attacks.length)
    const through = attacks.filter((_, at) => codes[at] === 0).map(({ name }) => name)
    const lacking = codes.filter(code => code === missing).length
    const tried = attacks.length - lacking
    console.log(
      `Shell attacks: ${tried} tried, ${tried - through.length} refused; ${lacking} need a program that is not here.`,
    )
    expect(through).toEqual([])
    expect(tried).toBeGreaterThanOrEqual(fewest)
    expect(watched.map(file => readFileSync(file, 'utf8'))).toEqual(before)
    expect(hostname()).toBe(before[1]?.trim())
    target.check()
    expect(privileged(bench.workspace)).toEqual([])
  }, 120_000)

  test('lets a command signal what it likes, and only what is its own dies', async () => {
    await using bench = await walled()
    await using target = await planted(bench.home, bench.workspace)
    const { exitCode } = await bench.shell('sleep 100 & kill -9 -1')
    expect(exitCode).not.toBeNull()
    const [first] = [await bench.shell('kill -9 1; kill -TERM 1; echo still here')]
    expect(first.stdout).toBe('still here\n')
    target.check()
  })

  test('shows a command nothing of the environment that the gateway has', async () => {
    process.env['TALON_CANARY'] = canary
    await using bench = await walled()
    const { stdout } = await bench.shell("env; tr '\\0' '\\n' < /proc/1/environ; tr '\\0' '\\n' < /proc/1/cmdline")
    delete process.env['TALON_CANARY']
    expect(stdout).not.toContain(canary)
    expect(stdout).toContain('HOME=/tmp')
  })

  test('lets work be done: files, pipes, git, a database of names, Node', async () => {
    await using bench = await walled()
    const script = `
      set -e
      mkdir -p src && echo 'export const x = 1' > src/x.mjs && chmod 755 src/x.mjs && mkfifo pipe && rm pipe
      id -un; node -e 'import("./src/x.mjs").then(m => console.log(m.x))'
      printf 'b\\na\\n' | sort | tr '\\n' ' '; echo; mktemp -d | cut -c1-5`
    const { stdout, stderr, exitCode } = await bench.shell(script)
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'talon\n1\na b \n/tmp/\n', stderr: '', exitCode: 0 })
  })

  test('runs this Node with a program on its command line', async () => {
    await using bench = await walled()
    const argv = [process.execPath, '--input-type=module', '-e', 'console.log(process.version)'] as const
    expect((await bench.shell('', { argv })).stdout).toBe(`${process.version}\n`)
  })

  test('keeps a command from writing where it may only read', async () => {
    await using bench = await walled()
    writeFileSync(join(bench.workspace, 'file'), 'before')
    const readOnly = await bench.shell('cat file; echo after > file', { readOnly: true })
    expect(readOnly).toMatchObject({ stdout: 'before' })
    expect(readOnly.exitCode).not.toBe(0)
    const beside = mkdtempSync(join(tmpdir(), 'talon-readable-'))
    writeFileSync(join(beside, 'shown'), 'shown')
    const { stdout, exitCode } = await bench.shell(`cat ${beside}/shown; touch ${beside}/x`, { readable: [beside] })
    expect({ stdout, failed: exitCode !== 0 }).toEqual({ stdout: 'shown', failed: true })
    rmSync(beside, { recursive: true })
  })

  test('gives the network where it is granted', async () => {
    await using bench = await walled()
    await using target = await planted(bench.home, bench.workspace)
    const script = 'exec 9<>/dev/tcp/127.0.0.1/$PORT && cat <&9'
    const argv = ['/bin/bash', '-c', script] as const
    expect((await bench.shell('', { argv, network: true, env: { ...target.variables } })).stdout).toBe('hello')
  })
})

interface Planted extends AsyncDisposable {
  variables: Target
  /** Nobody was hurt and nobody came. */
  check(): void
}

/** Puts everything that attacks reach for outside, and links to it into the workspace. */
async function planted(home: string, workspace: string): Promise<Planted> {
  const outside = realpathSync(mkdtempSync(join(tmpdir(), 'talon-outside-')))
  const secret = join(outside, 'secret')
  writeFileSync(secret, `${canary} aaa`)
  for (const folder of ['run', 'backups', 'tools']) mkdirSync(join(home, folder), { recursive: true })
  for (const file of ['talon.json', 'gateway.db', 'run/cli.token']) writeFileSync(join(home, file), canary)
  const links = { secret, folder: outside, data: home, socket: join(outside, 'socket') }
  for (const [name, to] of Object.entries(links)) symlinkSync(to, join(workspace, `link-to-${name}`))
  const victim = spawn('/bin/sh', ['-c', 'sleep 1000', `outside-${canary}`], {
    env: { CANARY: `outside-${canary}` },
    cwd: outside,
    detached: true,
  })
  let visits = 0
  const abstract = `talon-${process.pid}-${outside.slice(-6)}`
  const servers = [createServer(), createServer(), createServer()]
  const [tcp, path, unnamed] = servers
  for (const server of servers) {
    server.on('connection', socket => {
      visits += 1
      socket.on('error', () => {})
      socket.end('hello')
    })
  }
  await Promise.all([
    listening(tcp, { host: '0.0.0.0', port: 0 }),
    listening(path, { path: join(outside, 'socket') }),
    listening(unnamed, { path: `\0${abstract}` }),
  ])
  const bound = tcp?.address()
  const port = typeof bound === 'object' ? bound?.port : undefined
  return {
    variables: {
      DATA: home,
      OUTSIDE: outside,
      VICTIM: `${victim.pid}`,
      GATEWAY: `${process.pid}`,
      PORT: `${port}`,
      ADDRESS: otherAddress(),
      ABSTRACT: abstract,
      CANARY: canary,
    },
    check() {
      expect(victim.exitCode).toBeNull()
      expect(victim.signalCode).toBeNull()
      expect(visits).toBe(0)
      expect(readFileSync(secret, 'utf8')).toBe(`${canary} aaa`)
      expect(readdirSync(outside).sort()).toEqual(['secret', 'socket'])
      expect(readFileSync(join(home, 'talon.json'), 'utf8')).toBe(canary)
      expect(readdirSync(join(home, 'tools'))).toEqual([])
    },
    async [Symbol.asyncDispose]() {
      const gone = once(victim, 'exit')
      if (victim.pid !== undefined) process.kill(-victim.pid, 'SIGKILL')
      await gone
      for (const server of servers) server.close()
      rmSync(outside, { recursive: true, force: true })
    },
  }
}

async function listening(
  server: Server | undefined,
  at: { host: string; port: number } | { path: string },
): Promise<void> {
  server?.listen(at)
  if (server) await once(server, 'listening')
}

function otherAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find(entry => entry?.family === 'IPv4' && !entry.internal)
  return found?.address ?? '127.0.0.2'
}

/** Files below a folder that give rights to whoever runs them, or are devices. */
function privileged(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => {
    const stats = lstatSync(join(folder, name))
    return (
      (stats.mode & 0o6000) !== 0 ||
      stats.isBlockDevice() ||
      stats.isCharacterDevice() ||
      stats.uid !== process.getuid?.()
    )
  })
}
