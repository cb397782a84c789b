import { TalonError } from '../../protocol/errors.ts'
import { costMicroUsd, estimatedTokens, type ModelPrice } from '../cost.ts'
import { dayOf } from '../day.ts'
import type { BudgetState, EndedCall, ModelCall, Reservation, Reserved } from '../spending.ts'
import { addToAccounts, payingDay, statesOf } from './accounts.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'
import { addUsage } from './usage.ts'

interface ReservationRow {
  id: string
  session_id: string
  token_id: string
  provider: string
  model: string
  day: number
  input_tokens: number
  output_tokens: number
  input_price: number | null
  output_price: number | null
  micro_usd: number
}

const columns =
  'id, session_id, token_id, provider, model, day, input_tokens, output_tokens, input_price, output_price, micro_usd'

/**
 * Sets aside what a call may take at most, before it is made. A call may begin while what was spent and what is set aside
 * are below the limit, so that all calls together go beyond it by one of them at most. A second reservation of the same
 * id takes the place of the first, unless it is refused.
 * @throws TalonError `CANCELLED` if the run has ended
 */
export function reserveCall(connection: Connection, input: Reservation): Outcome<Reserved> {
  const { call, runId, limits, ended, at } = input
  if (runId !== null && !isAtWork(connection, runId)) throw new TalonError('CANCELLED', 'This run has ended.')
  settleEnded(connection, ended, at)
  const held = connection
    .prepared<ReservationRow>(`SELECT ${columns} FROM budget_reservations WHERE id = ?`)
    .get(call.id)
  const day = held?.day ?? payingDay(connection, at)
  const states = statesOf(connection, call, day, limits)
  const refused = states.find(state => isUsedUp(state, input, held))
  if (refused) return { result: { refused, states }, changes: [] }
  if (held) release(connection, held)
  hold(connection, call, runId, day)
  return { result: { refused: undefined, states }, changes: [] }
}

/** Counts calls that no entry pays for. */
export function settleCalls(connection: Connection, { ended, at }: CommandInput<'settleCalls'>): Outcome<undefined> {
  settleEnded(connection, ended, at)
  return done
}

/** Counts what a dead process left under way, as sent and not answered; its runs were ended before. */
export function settleLeftOver(connection: Connection): Outcome<{ settled: number }> {
  const left = connection.prepared<ReservationRow>(`DELETE FROM budget_reservations RETURNING ${columns}`).all()
  for (const row of left) settleByEstimate(connection, row, '')
  return { result: { settled: left.length }, changes: [] }
}

export function reopenDay(connection: Connection, { at }: CommandInput<'reopenDay'>): Outcome<{ reopened: boolean }> {
  const today = dayOf(at)
  const paying = connection.prepared('SELECT 1 FROM budget_reservations WHERE day > ? LIMIT 1').get(today)
  if (paying) return { result: { reopened: false }, changes: [] }
  for (const scope of ['day', 'token']) {
    connection.prepared('DELETE FROM budget_accounts WHERE scope = ? AND day > ?').run(scope, today)
  }
  return { result: { reopened: true }, changes: [] }
}

/** Counts calls that are over, each once. */
export function settleEnded(connection: Connection, ended: readonly EndedCall[] | undefined, at: number): void {
  for (const call of ended ?? []) {
    if (!call.reserved) {
      if (!call.refused) count(connection, call, payingDay(connection, at))
      continue
    }
    const held = connection
      .prepared<ReservationRow>(`DELETE FROM budget_reservations WHERE id = ? RETURNING ${columns}`)
      .get(call.id)
    // Otherwise the end of its run has counted it already.
    if (!held) continue
    release(connection, held)
    if (!call.refused) count(connection, call, held.day)
  }
}

/** At the end of a run: what nobody told the count of is estimated as what was sent and what had come. */
export function settleRun(connection: Connection, runId: string, text: string): void {
  const left = connection
    .prepared<ReservationRow>(`DELETE FROM budget_reservations WHERE run_id = ? RETURNING ${columns}`)
    .all(runId)
  for (const row of left) settleByEstimate(connection, row, text)
}

function settleByEstimate(connection: Connection, row: ReservationRow, text: string): void {
  release(connection, row)
  const { input_price: input, output_price: output } = row
  const price: ModelPrice | null = input === null || output === null ? null : { input, output }
  const outputTokens = estimatedTokens(Buffer.byteLength(text))
  const { id, provider, model, input_tokens: inputTokens } = row
  const payer = { sessionId: row.session_id, tokenId: row.token_id }
  const call = { id, ...payer, provider, model, price, inputTokens, outputTokens, reserved: true, estimated: true }
  count(connection, call, row.day)
}

function count(connection: Connection, call: EndedCall, day: number): void {
  const microUsd = costMicroUsd(call.price, call)
  const tokens = call.inputTokens + call.outputTokens
  addUsage(connection, call, day, {
    calls: 1,
    estimatedCalls: Number(call.estimated),
    unpricedCalls: Number(microUsd === null),
    inputTokens: call.inputTokens,
    outputTokens: call.outputTokens,
    microUsd: microUsd ?? 0,
  })
  addToAccounts(connection, call, day, { tokens, microUsd: microUsd ?? 0 })
}

function hold(connection: Connection, call: ModelCall, runId: string | null, day: number): void {
  const microUsd = costMicroUsd(call.price, call) ?? 0
  connection
    .prepared(`INSERT INTO budget_reservations (${columns}, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    .run(
      call.id,
      call.sessionId,
      call.tokenId,
      call.provider,
      call.model,
      day,
      call.inputTokens,
      call.outputTokens,
      call.price?.input ?? null,
      call.price?.output ?? null,
      microUsd,
      runId,
    )
  const tokens = call.inputTokens + call.outputTokens
  addToAccounts(connection, call, day, { reservedTokens: tokens, reservedMicroUsd: microUsd })
}

/** Gives back what was set aside; the row is gone, or about to be written anew. */
function release(connection: Connection, row: ReservationRow): void {
  connection.prepared('DELETE FROM budget_reservations WHERE id = ?').run(row.id)
  const amounts = { reservedTokens: -row.input_tokens - row.output_tokens, reservedMicroUsd: -row.micro_usd }
  addToAccounts(connection, { sessionId: row.session_id, tokenId: row.token_id }, row.day, amounts)
}

/** What the call took by now stands in the place of what was set aside for it. */
function isUsedUp(state: BudgetState, input: Reservation, held: ReservationRow | undefined): boolean {
  const { call, used = { inputTokens: 0, outputTokens: 0 }, elapsedMs = 0 } = input
  const { spent, reserved, limit } = state
  switch (state.measure) {
    case 'tokens': {
      const own = held ? held.input_tokens + held.output_tokens : 0
      return spent + reserved - own + used.inputTokens + used.outputTokens >= limit
    }
    case 'microUsd':
      // What costs nothing goes on without money.
      if (costMicroUsd(call.price, call) === 0) return false
      return spent + reserved - (held?.micro_usd ?? 0) + (costMicroUsd(call.price, used) ?? 0) >= limit
    case 'wallMs':
      return spent + elapsedMs >= limit
    case 'toolCalls':
      return false
  }
}

function isAtWork(connection: Connection, runId: string): boolean {
  return connection.prepared('SELECT 1 FROM runs WHERE id = ? AND finished_at IS NULL').get(runId) !== undefined
}
