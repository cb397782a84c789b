import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, realpath, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Browser } from 'playwright-core'
import { TalonError } from '../../../protocol/errors.ts'
import type { Config } from '../../config.ts'
import type { Clock } from '../../record.ts'
import type { Network } from '../network/network.ts'
import type { ForwardProxy, ProxyOptions } from '../network/proxy.ts'
import { shownHost } from '../network/target.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { flagsOf } from './flags.ts'
import { relayPort, relayProgram } from './relay.ts'

export interface LaunchParts {
  home: string
  config: Config
  network: Network
  sandbox: Sandbox
  clock: Pick<Clock, 'monotonic'>
}

/** A browser that runs. */
export interface Launched {
  browser: Browser
  /** Why a host with its port may not be reached, if the guard has refused it since this moment of the monotonic clock. */
  refusalOf(place: string, since: number): TalonError | undefined
  /** Ends it with its proxy. */
  close(): Promise<void>
}

/** What keeps pages from the machine. `none` only where a setting allows it. */
export type Wall = 'both' | 'outer' | 'own' | 'none'

/** Places whose refusal is remembered. */
const maxRefusals = 500
const launchTimeoutMs = 30_000
const closeTimeoutMs = 5_000
const megabyte = 1_048_576
const socketName = 'proxy'
/** Processes and threads of a browser; one with a page has about a hundred. */
const maxThreads = 1_000
/** A browser is not bounded by the time that it works. */
const cpuSeconds = 86_400

/** Which walls may be tried on this machine, the best first; or why there is none, with the fix. */
export function wallsFor({ config, sandbox }: Pick<LaunchParts, 'config' | 'sandbox'>): Wall[] | string {
  const unsafe: Wall[] = config['browser.allowUnsandboxed'] ? ['none'] : []
  const isRoot = process.getuid?.() === 0
  // Chromium's own one writes to /proc, where an account that is root outside could change settings of the kernel.
  if (sandbox.level === 'full') return isRoot ? ['outer'] : ['both', 'outer']
  // It refuses to wall anything in when it is root.
  if (!isRoot) return ['own', ...unsafe]
  if (unsafe.length > 0) return unsafe
  const why = [`the gateway runs as root, and the sandbox is "${sandbox.level}".`, sandbox.reason].filter(Boolean)
  return `Nothing would wall in what pages do: ${why.join(' ')} Or run it under another account; see docs/browser.md.`
}

/**
 * Starts Chromium behind a wall, with the network guard as its only way out.
 * @throws TalonError `FORBIDDEN` if it does not start
 */
export async function launch(parts: LaunchParts, executable: string, wall: Wall): Promise<Launched> {
  const folder = join(parts.home, 'run', 'browser', randomUUID())
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const stop = new AbortController()
  const refusals = new Map<string, { reason: TalonError; at: number }>()
  const onRefusal: ProxyOptions['onRefusal'] = ({ host, port }, reason) => {
    const place = `${shownHost(host)}:${port}`
    refusals.delete(place)
    refusals.set(place, { reason, at: parts.clock.monotonic() })
    const [oldest] = refusals.keys()
    if (refusals.size > maxRefusals && oldest !== undefined) refusals.delete(oldest)
  }
  let proxy: ForwardProxy | undefined
  const handle = await open(folder)
  const end = async () => {
    stop.abort()
    // It removes its socket by the path that it was given: the folder stays open until then.
    await proxy?.close()
    await handle.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const enclosed = wall === 'both' || wall === 'outer'
    const path = enclosed ? { path: shortPath(handle, socketName) } : {}
    proxy = await parts.network.openProxy({ signal: stop.signal, onRefusal, ...path })
    const plan = enclosed
      ? await walled(parts, executable, folder, wall)
      : alone(executable, folder, { proxy: proxy.url, ownSandbox: wall === 'own' })
    const server = enclosed ? `http://127.0.0.1:${relayPort}` : proxy.url
    const { username, password } = proxy
    const browser = await start(plan, { server, username, password })
    return {
      browser,
      refusalOf(place, since) {
        const found = refusals.get(place)
        return found && found.at >= since ? found.reason : undefined
      },
      async close() {
        await Promise.race([browser.close().catch(() => {}), timeout(closeTimeoutMs)])
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

interface Plan {
  argv: readonly [string, ...string[]]
  env: Record<string, string>
}

async function start(
  { argv: [program, ...args], env }: Plan,
  proxy: { server: string; username: string; password: string },
): Promise<Browser> {
  // Loaded at the first use: it is large, and most gateways open no page.
  const { chromium } = await import('playwright-core')
  return await chromium.launch({
    executablePath: program,
    args,
    ignoreDefaultArgs: true,
    env,
    proxy,
    timeout: launchTimeoutMs,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  })
}

/** The relay and the browser behind bubblewrap, which ends both with the gateway. */
async function walled({ config, sandbox }: LaunchParts, executable: string, folder: string, wall: Wall): Promise<Plan> {
  const memoryBytes = config['browser.memoryMegabytes'] * megabyte
  const flags = flagsOf({
    proxy: `http://127.0.0.1:${relayPort}`,
    profile: '/tmp/profile',
    ownSandbox: wall === 'both',
  })
  const node = [process.execPath, '--input-type=module', '--max-old-space-size=64', '-e', relayProgram]
  const plan = await sandbox.enclose({
    starter: [...node, join(folder, socketName), `${relayPort}`, `${memoryBytes}`],
    argv: [executable, ...flags],
    readable: [folder, ...(await partsOf(executable))],
    // One page alone gets no more than half of it.
    limits: { memoryBytes: memoryBytes / 2, cpuSeconds, fileBytes: memoryBytes, processes: maxThreads },
    filtered: wall === 'outer',
  })
  if (!plan) throw new TalonError('FORBIDDEN', 'The sandbox is not "full" any more.')
  const fonts = join(folder, 'fonts.conf')
  await writeFile(fonts, fontConfiguration, { mode: 0o600 })
  return { ...plan, env: { ...plan.env, FONTCONFIG_FILE: fonts } }
}

/** Behind the wall there is no /etc/fonts. */
const fontConfiguration = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir><cachedir>/tmp/fonts</cachedir>
${['40-nonlatin', '45-latin', '49-sansserif', '60-latin', '65-nonlatin']
  .map(name => `<include ignore_missing="yes">/usr/share/fontconfig/conf.avail/${name}.conf</include>`)
  .join('\n')}
</fontconfig>
`

function alone(executable: string, folder: string, parts: { proxy: string; ownSandbox: boolean }): Plan {
  // Its sockets lie in TMPDIR, and the name of a folder of ours may be too long for them.
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, TMPDIR: '/tmp', LANG: 'C.UTF-8' }
  return { argv: [executable, ...flagsOf({ ...parts, profile: join(folder, 'profile') })], env }
}

/** Folders that a browser outside the usual ones needs. */
async function partsOf(executable: string): Promise<string[]> {
  const path = await realpath(executable)
  const isShown = ['/usr/', '/nix/store/', '/bin/', '/lib'].some(folder => path.startsWith(folder))
  return isShown ? [] : [dirname(path)]
}

/** The address of a socket has 107 bytes at most, which the name of a folder may take alone. */
function shortPath(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`
}

async function timeout(ms: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, ms).unref())
}
