import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openSqliteStore } from '../db/sqlite/engine.ts'
import { buildModels, providersSchema, type SecretSource } from './agent/providers.ts'
import { createRuns, type RunScheduler } from './agent/runs.ts'
import { createAttempts } from './attempts.ts'
import { createAuth, type GatewayAuth } from './auth.ts'
import { createBus } from './bus.ts'
import { type Config, ConfigError } from './config.ts'
import { createRegistry, type Registry } from './connections.ts'
import { createIds } from './ids.ts'
import { createLifecycle, type GatewayLifecycle } from './lifecycle.ts'
import type { Log } from './log.ts'
import type { App, Clock } from './record.ts'
import { createTools } from './tools/registry.ts'

/** The App record, and of its parts what only the start and the end of a gateway use. */
export interface Parts {
  app: App
  auth: GatewayAuth
  runs: RunScheduler
  registry: Registry
  lifecycle: GatewayLifecycle
  frameId: () => string
}

export interface PartsInput {
  home: string
  env: Readonly<Record<string, string | undefined>>
  config: Config
  log: Log
  clock: Clock
  bootId: string
  version: string
  migrationsDir: string
  /** Where `agent.providers` comes from, for an error. */
  providersOrigin: string
}

// A sweep is a look at every connection, so it runs no oftener than its shortest deadline needs.
const maxSweepMs = 1_000
const minSweepMs = 20
const maxSecretBytes = 64 * 1024

/**
 * Makes every part of a gateway and joins them; nothing is listened to yet.
 * @throws ConfigError, TalonError `STORAGE_UNAVAILABLE`
 */
export async function assemble(input: PartsInput): Promise<Parts> {
  const { home, env, config, log, clock, bootId, version } = input
  const newId = createIds()
  const models = buildModels(providers(config, input.providersOrigin), {
    newId,
    readSecret: source => readSecret(source, env, home),
    pool: { connectTimeoutMs: config['agent.connectTimeoutMs'] },
  })
  const onError = (error: unknown) => log.error({ err: error }, 'the store failed')
  const store = await openSqliteStore({
    file: join(home, 'gateway.db'),
    home,
    migrationsDir: input.migrationsDir,
    onError,
  })
  const frameId = frameIds(bootId)
  const bus = createBus({ clock, frameId })
  store.onCommit(changes => {
    for (const change of changes) bus.publish(change)
  })
  const failed = (error: unknown) => log.error({ err: error }, 'a connection failed')
  const registry = createRegistry({ clock, sweepMs: sweepMs(config), failed })
  const limit = config['limits.enabled'] === 'off' ? Number.POSITIVE_INFINITY : config['limits.authFailures']
  const attempts = createAttempts({ clock, limit })
  const cookieDays = config['auth.cookieDays']
  const auth = createAuth({ store, clock, attempts, connections: () => registry, cookieDays })
  const tools = createTools({ store, config, home, log, clock, newId })
  const lifecycle = createLifecycle({ store, clock, bootId })
  const joined = { config, home, version, store, bus, auth, models, tools, lifecycle, log, clock }
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
  }
  const runs = createRuns(app)
  return { app, auth, runs, registry, lifecycle, frameId }
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

function providers(config: Config, origin: string) {
  const parsed = providersSchema.safeParse(config['agent.providers'])
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = ['agent.providers', ...(issue?.path ?? [])].join('.')
  throw new ConfigError(`${origin}: ${path}: ${issue?.message ?? 'not valid'}.`)
}

function readSecret(source: SecretSource, env: PartsInput['env'], home: string): string | undefined {
  if ('env' in source) return env[source.env]
  try {
    return readFileSync(resolve(home, source.file), 'utf8').slice(0, maxSecretBytes).trim()
  } catch {
    return undefined
  }
}
