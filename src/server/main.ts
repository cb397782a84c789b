import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import { v7 as uuidv7 } from 'uuid'
import manifest from '../../package.json' with { type: 'json' }
import { acquireLock, type Lock } from '../db/sqlite/lock.ts'
import { closeCodes } from '../protocol/errors.ts'
import { scopes } from '../protocol/shapes.ts'
import { byGateway } from './actors.ts'
import { createHttp } from './app.ts'
import { assemble, type Parts } from './assemble.ts'
import { nobodyTokenId } from './auth.ts'
import { loadConfig } from './config.ts'
import { environmentToken } from './environment-token.ts'
import { prepareHome } from './home.ts'
import { createFirstImport, type FirstImport } from './import.ts'
import { listen } from './listen.ts'
import { type LiveConfig, openLiveConfig } from './live-config.ts'
import { openGatewayLog } from './log/open.ts'
import { knownSecrets } from './log/secrets.ts'
import { browserHost, createGatehouse } from './origin.ts'
import type { Assets } from './pages/assets.ts'
import { withShortPipelines } from './pipelines.ts'
import type { App, Clock, Identity } from './record.ts'
import type { SettingKey } from './settings.ts'
import { StartError } from './start-error.ts'
import { guardPort } from './tcp-door.ts'
import { startTidying } from './tidy.ts'
import { asksForWebSocket, guardUpgrades } from './upgrade.ts'
import { refuseUnusable } from './usable.ts'

export { refuseUnusable, StartError }

export interface StartOptions {
  /** The data folder, an absolute path. */
  home: string
  env: Readonly<Record<string, string | undefined>>
  flags?: Partial<Record<SettingKey, string>> | undefined
  /** Takes what a person should read, such as the sign-in link. */
  print?: ((line: string) => void) | undefined
  /** Takes log lines, as JSON; `log.file` or standard output if it is left out. */
  writeLog?: ((line: string) => void) | undefined
  /** Whether standard output is a terminal, where lines are written for reading. */
  terminal?: boolean | undefined
  assets?: Assets | undefined
  /** Moves a damaged database aside and begins with an empty one; one that is well is left alone. */
  setAside?: boolean | undefined
}

export interface RunningGateway {
  /** Origin, such as `http://127.0.0.1:19789`. */
  url: string
  app: App
  /** Reads talon.json again, as a signal asks for; what cannot be used is logged and changes nothing. */
  reload(): void
  /** A new sign-in link, which works once within 10 minutes. */
  signInLink(): Promise<string>
  /** Resolves when the gateway has stopped. */
  stopped: Promise<void>
  /** Lets runs end, closes everything, frees the data folder. A second call waits for the first. */
  stop(): Promise<void>
}

interface Opened extends Parts {
  firstImport: FirstImport
  lock: Lock
  server: ServerType
  url: string
}

const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
const root = fileURLToPath(new URL('../../', import.meta.url)) // The same from src/server and from dist/server.
// A drain has 10 s in all; what is left is for last entries and for closing.
const runGraceMs = 8_500
const closeGraceMs = 1_000
const traceGraceMs = 1_000
const restartExpectedMs = 5_000
// Headers are one packet, so whoever takes longer only holds the connection. Looked at every so often.
const headerDeadline = { headersTimeout: 10_000, connectionsCheckingInterval: 2_500 }

/**
 * Starts a gateway in this process.
 * @throws ConfigError (exit code 78), StartError, TalonError `STORAGE_UNAVAILABLE` such as for a folder that is in use
 */
export async function startGateway(options: StartOptions): Promise<RunningGateway> {
  const { home, env, flags } = options
  const loaded = loadConfig({ home, env, flags })
  refuseUnusable(loaded, home)
  const { values: config, warnings } = loaded
  const token = environmentToken(env)
  prepareHome(home)
  const log = openGatewayLog({ home, env, config, terminal: options.terminal === true, write: options.writeLog })
  for (const warning of warnings) log.warn(warning)
  const { version } = manifest
  const bootId = uuidv7()
  const [host, port] = [config['server.host'], config['server.port']]
  const lock = acquireLock(home, { pid: process.pid, bootId, version, host, port, startedAt: clock.now(), flags })
  let settings: LiveConfig | undefined
  try {
    if (lock.restored) log.warn(lock.restored, 'a restore that was cut short is finished')
    const migrationsDir = join(root, 'migrations')
    settings = openLiveConfig({ home, env, flags, clock, log, refuse: found => refuseUnusable(found, home) })
    log.setLevel(settings.config['log.level'])
    log.hide(knownSecrets(env, settings.config))
    settings.onChange(['log.level'], changed => log.setLevel(changed['log.level']))
    const setAside = options.setAside ?? false
    const parts = await assemble({
      setAside,
      home,
      env,
      settings,
      log,
      clock,
      bootId,
      version,
      migrationsDir,
    })
    const assets = options.assets ?? { dir: join(root, 'dist', 'client') }
    const opened = await settle(parts, token)
      .then(() => open(parts, lock, assets))
      .catch(async error => {
        await parts.app.store.close()
        throw error
      })
    return await begin(opened, options.print ?? (() => undefined)).catch(async error => {
      await stop(opened, async () => undefined)
      throw error
    })
  } catch (error) {
    settings?.abandon()
    lock.release()
    await log.close()
    throw error
  }
}

/**
 * Tidies up what a dead process left behind. It happens before the port opens, because a run or a tool that a client
 * begins meanwhile would look like one of those, and a token of the environment must work from the first request on.
 */
async function settle({ app, auth, runs }: Parts, token: string | undefined): Promise<void> {
  await auth.adoptEnvironment(token)
  await app.store.dropUnfinishedImports()
  await app.store.interruptInvocations({ at: clock.now() })
  const interrupted = await runs.interruptLeftOver()
  await app.store.settleLeftOver({})
  if (interrupted > 0) app.log.info({ interrupted }, 'runs of the last start were interrupted')
}

/** Opens the port. */
async function open(parts: Parts, lock: Lock, assets: Assets): Promise<Opened> {
  const { app, registry, lifecycle, frameId } = parts
  const { config } = app
  const host = config['server.host']
  let port = config['server.port']
  const gatehouse = createGatehouse({
    host,
    port: () => port,
    allowedHosts: () => config['server.allowedHosts'],
    allowedOrigins: () => config['server.allowedOrigins'],
  })
  const anybody = config['auth.mode'] === 'none' ? everybody : undefined
  const http = await createHttp(app, { gatehouse, assets, anybody, measure: parts.metrics.http })
  const serverOptions = { ...headerDeadline, shouldUpgradeCallback: asksForWebSocket }
  const createServer = withShortPipelines(app.limits)
  const server = createAdaptorServer({ fetch: http.fetch, createServer, serverOptions })
  guardPort(server, app)
  guardUpgrades(server, { app, registry, gatehouse, frameId, anybody })
  // Before the port opens, so that nobody ever hears that it is ready while there is something to import.
  const firstImport = createFirstImport(app, lifecycle)
  port = await listen(server, host, config['server.port'])
  // Before the address, so that whoever reads that finds the token of the same start.
  writeFileSync(join(app.home, 'run', 'cli.token'), `${parts.auth.issueCliToken()}\n`, { mode: 0o600 })
  lock.update({ host, port })
  return { ...parts, firstImport, lock, server, url: `http://${browserHost(host)}:${port}` }
}

/** Who everybody is with `auth.mode=none`. */
const everybody: Identity = {
  tokenId: nobodyTokenId,
  scopes: new Set(scopes),
  webSession: undefined,
  expiresAt: undefined,
}

/** What a start does once the port is open: runs that wait, the sign-in link. */
async function begin(opened: Opened, print: (line: string) => void): Promise<RunningGateway> {
  const { app, settings, auth, audit, runs, backups, firstImport, url } = opened
  firstImport.start()
  backups.start()
  opened.history.start()
  void app.tools.start()
  const queued = await runs.startQueued()
  if (queued > 0) app.log.info({ queued }, 'runs of the last start were taken up')
  void opened.schedules.start()
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  let stopping: Promise<void> | undefined
  const signInLink = async () => {
    const { code, expiresAt } = await auth.newCode(nobodyTokenId)
    await audit.record({ action: 'sign_in.link', details: { expiresAt } }, byGateway)
    return `${url}/login#code=${code}`
  }
  await audit.start()
  settings.settle()
  app.log.info({ url, home: app.home }, 'ready')
  if (app.config['auth.mode'] === 'none') {
    app.log.warn('auth.mode is "none": every program on this machine may do everything')
    print(`Talon ${app.version} is ready, open to every program on this machine: ${url}/`)
  } else {
    print(`Talon ${app.version} is ready. Sign in (works once, within 10 minutes):\n\n  ${await signInLink()}\n`)
  }
  const endTidying = startTidying(app, auth)
  return {
    url,
    app,
    signInLink,
    reload() {
      if (!stopping) settings.reload()
    },
    stopped,
    stop() {
      stopping ??= stop(opened, endTidying).finally(resolve)
      return stopping
    },
  }
}

async function stop(opened: Opened, endTidying: () => Promise<void>): Promise<void> {
  const {
    app,
    approvals,
    settings,
    auth,
    audit,
    runs,
    backups,
    firstImport,
    registry,
    lifecycle,
    tracing,
    log,
    lock,
    server,
  } = opened
  app.log.info('stopping')
  lifecycle.drain()
  approvals.close() // Nobody can answer any more.
  saySo(lock, app)
  app.bus.broadcast('gateway.draining', { restartExpectedMs })
  await opened.schedules.stop()
  const tidied = Promise.race([endTidying(), delay(runGraceMs, undefined, { ref: false })])
  await Promise.all([runs.drain(runGraceMs), app.tools.stop(runGraceMs), backups.stop(), firstImport.stop(), tidied])
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  registry.closeAll(closeCodes.restart, 'Restart')
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  const late = setTimeout(() => {
    registry.terminateAll()
    if ('closeAllConnections' in server) server.closeAllConnections()
  }, closeGraceMs)
  await Promise.all([closed, registry.emptied()])
  clearTimeout(late)
  registry.stop()
  app.limits.stop()
  opened.history.stop()
  await auth.flush().catch(error => app.log.warn({ err: error }, 'the last use of tokens was not written'))
  await audit.stop()
  try {
    await Promise.all([
      app.models.close(),
      tracing.close(traceGraceMs),
      app.sandbox.close(),
      app.reader.close(),
      app.compute.close(),
    ])
    await app.store.close()
  } finally {
    settings.settle()
    settings.close()
    rmSync(join(app.home, 'run', 'cli.token'), { force: true })
    lock.release()
  }
  app.log.info('stopped')
  await log.close()
}

/** Whoever wants to stop it as well has to wait only. A full disk takes no such word, and keeps nothing from stopping. */
function saySo(lock: Lock, { log }: App): void {
  try {
    lock.update({ stopping: true })
  } catch (error) {
    log.warn({ err: error }, 'it is not written that the gateway stops')
  }
}
