import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { openSqliteStore } from '../db/sqlite/engine.ts'
import { keptFreeBytes, spareBytesAt } from '../db/sqlite/kept-free.ts'
import { createRuns, type RunScheduler } from './agent/runs.ts'
import { createAttachments } from './attachments.ts'
import { createAttempts } from './attempts.ts'
import { createAudit, type GatewayAudit } from './audit.ts'
import { createAuth, type GatewayAuth } from './auth.ts'
import { createBackups, type GatewayBackups } from './backups.ts'
import { budgetedInvocations } from './budgets/invocations.ts'
import { createBudgets } from './budgets.ts'
import { createBus } from './bus.ts'
import { createCaches } from './caches.ts'
import type { Config } from './config.ts'
import { createRegistry, type Registry } from './connections.ts'
import { createEnteredKeys } from './entered-keys.ts'
import { createHistory, type GatewayHistory } from './history.ts'
import { createIds } from './ids.ts'
import { createLifecycle, type GatewayLifecycle } from './lifecycle.ts'
import { limitedTools } from './limits/tools.ts'
import { createLimits } from './limits.ts'
import type { LiveConfig } from './live-config.ts'
import { createDoctor } from './live-doctor.ts'
import { createModels } from './live-models.ts'
import type { GatewayLog } from './log.ts'
import { createMetrics, type GatewayMetrics } from './metrics.ts'
import type { Agents, App, Clock } from './record.ts'
import { createSchedules, type GatewaySchedules } from './schedule.ts'
import { createApprovals, type GatewayApprovals } from './tools/approvals/approvals.ts'
import { createBrowser } from './tools/browser/browser.ts'
import { createCompute } from './tools/compute/compute.ts'
import { createNetwork } from './tools/network/network.ts'
import { createProcesses } from './tools/processes.ts'
import { createReader } from './tools/reading/reader.ts'
import { createTools, workspaceOf } from './tools/registry.ts'
import { rootsOf } from './tools/roots.ts'
import { createSandbox } from './tools/sandbox/sandbox.ts'
import { createTrash } from './tools/trash/trash.ts'
import { createTracing, type GatewayTracing } from './tracing.ts'

/** The App record, and of its parts what only the start and the end of a gateway use. */
export interface Parts {
  app: App
  settings: LiveConfig
  auth: GatewayAuth
  audit: GatewayAudit
  approvals: GatewayApprovals
  schedules: GatewaySchedules
  runs: RunScheduler
  backups: GatewayBackups
  registry: Registry
  lifecycle: GatewayLifecycle
  tracing: GatewayTracing
  metrics: GatewayMetrics
  history: GatewayHistory
  log: GatewayLog
  frameId: () => string
}

export interface PartsInput {
  home: string
  env: Readonly<Record<string, string | undefined>>
  settings: LiveConfig
  log: GatewayLog
  clock: Clock
  bootId: string
  version: string
  migrationsDir: string
  /** Whether a damaged database is moved aside for an empty one. */
  setAside: boolean
}

// A sweep is a look at every connection, so it runs no oftener than its shortest deadline needs.
const maxSweepMs = 1_000
const minSweepMs = 20

/**
 * Makes every part of a gateway and joins them; nothing is listened to yet.
 * @throws ConfigError, TalonError `STORAGE_UNAVAILABLE`
 */
export async function assemble(input: PartsInput): Promise<Parts> {
  const { home, env, settings, log, clock, bootId, version } = input
  const { config } = settings
  const newId = createIds()
  const metrics = createMetrics({ clock })
  const tracing = createTracing({ config, clock, log, random: Math.random, randomBytes, version, bootId })
  const built = createModels({ home, env, settings, log, clock, newId })
  const onError = (error: unknown) => log.error({ err: error }, 'the store failed')
  const caches = createCaches({ config, clock })
  const minFreeBytes = keptFreeBytes(home, config['storage.minFreeMegabytes'])
  const opened = await openSqliteStore({
    file: join(home, 'gateway.db'),
    home,
    migrationsDir: input.migrationsDir,
    setAside: input.setAside,
    minFreeBytes,
    onNotice: ({ level, message }) => log[level](message),
    readers: config['storage.readers'] === 'auto' ? undefined : config['storage.readers'],
    maxWaitingReads: config['storage.maxWaitingReads'],
    readTimeoutMs: config['storage.readTimeoutMs'],
    onError,
  })
  const store = caches.store(opened)
  opened.onCommit(metrics.commit)
  const frameId = frameIds(bootId)
  const bus = createBus({ clock, frameId })
  store.onCommit(changes => {
    for (const change of changes) bus.publish(change)
  })
  settings.onUpdate(update => bus.broadcast('config.updated', { ...update }))
  const failed = (error: unknown) => log.error({ err: error }, 'a connection failed')
  const registry = createRegistry({ clock, sweepMs: sweepMs(config), failed })
  const attempts = createAttempts({
    clock,
    onFailure: () => metrics.inc('talon_sign_in_failures_total'),
    onRefusal: () => limits.noteRefusal('authFailures'),
    get limit() {
      return config['limits.enabled'] === 'off' ? Number.POSITIVE_INFINITY : config['limits.authFailures']
    },
  })
  const audit = createAudit({ store, settings, clock, log, version, bootId })
  const auth = createAuth({
    store,
    clock,
    attempts,
    audit,
    connections: () => registry,
    get cookieDays() {
      return config['auth.cookieDays']
    },
  })
  const models = metrics.models(tracing.models(built))
  const budgets = createBudgets({ config, store, bus, metrics, log, clock })
  const limits = createLimits({ config, clock, attempts, connections: () => registry })
  const workspace = workspaceOf(home, config['tools.workspace'])
  // With less than the half of that the gateway itself stores nothing new.
  const sandbox = createSandbox({ home, workspace, config, log, newId, keepFreeBytes: minFreeBytes * 2 })
  const processes = createProcesses({ sandbox, config, log, clock, newId })
  store.onCommit(processes.follow)
  const network = createNetwork({ config })
  const reader = createReader()
  const compute = createCompute()
  const roots = rootsOf(home, workspace, config['tools.roots'])
  const trash = createTrash({ home, workspace, roots, config, clock, newId })
  const browser = createBrowser({ home, config, network, sandbox, log, clock })
  store.onCommit(browser.follow)
  const attachments = createAttachments({ home, store, config, clock, newId })
  const lifecycle = createLifecycle({ store, clock, bootId })
  // Both need what is made of the whole record.
  const agents: Agents = { delegate: task => runs.delegate(task) }
  const wake = { wake: (sessionId: string) => runs.wake(sessionId) }
  const schedules = createSchedules({ store, auth, runs: wake, lifecycle, config, clock, newId, log, audit })
  const approvals = createApprovals({ store, bus, config, clock, newId, metrics, audit, logs: log })
  const tools = limitedTools(
    metrics.tools(
      tracing.tools(
        caches.tools(
          createTools({
            store: budgetedInvocations(store, budgets),
            config,
            home,
            log,
            clock,
            newId,
            sandbox,
            processes,
            network,
            reader,
            compute,
            trash,
            attachments,
            browser,
            agents,
            schedules,
            approvals,
            auth,
            bus,
            logs: log,
            onToolsChanged: caches.forgetTools,
          }),
        ),
      ),
    ),
    limits,
  )
  settings.onChange(['tools.disabled', 'browser.executable', 'browser.allowUnsandboxed'], caches.forgetTools)
  const backups = createBackups({
    home,
    migrationsDir: input.migrationsDir,
    clock,
    log,
    get everyHours() {
      return config['backup.everyHours']
    },
    get keep() {
      return config['backup.keep']
    },
    // Below that nothing new would be stored.
    spareBytes: minFreeBytes + spareBytesAt(home),
    onAutomatic: audit.backedUp,
    holdsData: async () => (await store.counts()).sessions > 0,
  })
  const history = createHistory({ home, clock, log, sampler: metrics.sampler })
  const joined = {
    config,
    settings,
    home,
    version,
    store,
    bus,
    auth,
    audit,
    models,
    enteredKeys: createEnteredKeys(newId),
    tools,
    agents,
    schedules,
    approvals,
    sandbox,
    processes,
    network,
    reader,
    compute,
    trash,
    attachments,
    browser,
    lifecycle,
    caches,
    backups,
    tracing,
    metrics,
    history,
    budgets,
    limits,
    log,
    logs: log,
    clock,
  }
  const app: App = {
    ...joined,
    connections: registry,
    streams: registry,
    newId,
    random: Math.random,
    // The scheduler needs the record, and the record the scheduler.
    get runs() {
      return runs
    },
    get doctor() {
      return doctor
    },
  }
  const doctor = createDoctor(app, env)
  const runs = createRuns(app)
  metrics.connect({ app, registry, runsWaiting: runs.waiting })
  return {
    app,
    settings,
    auth,
    audit,
    approvals,
    schedules,
    runs,
    backups,
    registry,
    lifecycle,
    tracing,
    metrics,
    history,
    log,
    frameId,
  }
}

/** Ids of frames: unique over restarts by the boot id, and cheap, because every frame has one. */
function frameIds(bootId: string): () => string {
  const prefix = bootId.slice(-12)
  let count = 0
  return () => `${prefix}-${(++count).toString(36)}`
}

function sweepMs(config: Config): number {
  const shortest = Math.min(config['protocol.helloTimeoutMs'], config['protocol.heartbeatMs'])
  return Math.min(maxSweepMs, Math.max(minSweepMs, shortest / 5))
}
