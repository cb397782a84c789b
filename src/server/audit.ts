import type { AuditEntry, Store } from '../db/store.ts'
import { byGateway } from './actors.ts'
import { cliTokenId } from './auth.ts'
import type { Log } from './log.ts'
import type { Actor, Audit, AuditEvent, Clock, LastBackup, Settings } from './record.ts'
import { createSignIns, type SignIns } from './sign-ins.ts'

/** The audit trail of a gateway, with what only its start and its end use. */
export interface GatewayAudit extends Audit {
  signIns: SignIns
  /** Records how an automatic backup went. */
  backedUp(last: LastBackup): void
  /** Says that the gateway is ready. */
  start(): Promise<void>
  /** Writes what waits, and that the gateway ends. */
  stop(): Promise<void>
}

export interface AuditDeps {
  store: Pick<Store, 'recordAudit' | 'auditHead'>
  settings: Pick<Settings, 'hash' | 'onUpdate'>
  clock: Clock
  log: Log
  version: string
  bootId: string
}

// What a client says of itself may have any length, and so may an id that it makes up.
const maxAgentChars = 200
const maxTargetChars = 300
const maxDetailsChars = 4_000

export function createAudit(deps: AuditDeps): GatewayAudit {
  const { store, settings, clock, log, version, bootId } = deps
  let last: Promise<unknown> = Promise.resolve()
  const record: Audit['record'] = (event, actor) => {
    const entry = auditEntry(event, actor, clock.now())
    const done = store.recordAudit(entry).catch(error => {
      // The log is the second place: who reads it finds there what the trail lacks.
      log.error({ err: error, entry }, 'an entry of the audit trail was not written')
    })
    last = last.then(() => done)
    return done
  }
  const written = async () => {
    await last
  }
  const signIns = createSignIns({ clock, record: (event, actor) => void record(event, actor) })
  recordSettings(settings, record)
  const sayHead = async () => {
    const head = await store.auditHead().catch(() => undefined)
    if (head) log.info(head, 'the newest entry of the audit trail')
  }
  return {
    entry: (event, actor) => auditEntry(event, actor, clock.now()),
    record,
    written,
    signIns,
    backedUp({ ok, name, bytes, kind }) {
      const event = { action: 'backup.create', target: name ?? undefined, details: { bytes, kind } } as const
      void record({ ...event, outcome: ok ? 'ok' : 'failed' }, byGateway)
    },
    async start() {
      await record({ action: 'gateway.start', details: { version, bootId, settings: settings.hash() } }, byGateway)
      await sayHead()
    },
    async stop() {
      signIns.close()
      await record({ action: 'gateway.stop', details: { bootId } }, byGateway)
      await written()
      await sayHead()
    },
  }
}

/** What is written of an event. Without what would make one entry as long as somebody likes. */
export function auditEntry(event: AuditEvent, actor: Actor, at: number): AuditEntry {
  const { action, target, outcome = 'ok', details } = event
  const { tokenId, address, userAgent } = actor
  return {
    at,
    action,
    tokenId,
    channel: tokenId === cliTokenId ? 'cli' : actor.channel,
    address: address ?? null,
    userAgent: userAgent?.slice(0, maxAgentChars) ?? null,
    target: target?.slice(0, maxTargetChars) ?? null,
    outcome,
    details: details === undefined ? null : bounded(details),
  }
}

function bounded(details: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(details)
  return text.length <= maxDetailsChars ? details : { shortened: text.slice(0, maxDetailsChars) }
}

/** Each change of the settings, whoever made it: somebody, the file that was read again, or a change that was taken back. */
function recordSettings(settings: AuditDeps['settings'], record: Audit['record']): void {
  let before = settings.hash()
  settings.onUpdate(({ hash: after, changed, restartRequired }, who = byGateway) => {
    const details = { changed, restartRequired, before, after }
    before = after
    void record({ action: 'config.change', details }, who)
  })
}
