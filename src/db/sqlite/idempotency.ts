import { TalonError } from '../../protocol/errors.ts'
import type { Once, RequestKey } from '../store.ts'
import type { Connection } from './open.ts'
import { type Command, type CommandInput, done, type Outcome } from './outcome.ts'

/** Where a request id was used before. `reference` is the id of the row, or the stored result. */
export interface Earlier {
  kind: 'reply' | 'message' | 'tool'
  hash: string
  reference: string
}

const findEarlier = `
  SELECT 'message' AS kind, request_hash AS hash, id AS reference FROM messages WHERE token_id = @tokenId AND request_id = @requestId
  UNION ALL
  SELECT 'reply', request_hash, result FROM idempotency WHERE token_id = @tokenId AND request_id = @requestId
  UNION ALL
  SELECT 'tool', request_hash, id FROM tool_runs WHERE token_id = @tokenId AND request_id = @requestId
  LIMIT 1`

/**
 * What this request did before, or undefined if it is new.
 * @throws TalonError `CONFLICT` if its id was used for anything else.
 */
export function earlier(
  connection: Connection,
  request: RequestKey | undefined,
  kind: Earlier['kind'],
): Earlier | undefined {
  if (!request) return undefined
  const found = connection
    .prepared<Earlier>(findEarlier)
    .get({ tokenId: request.tokenId, requestId: request.requestId })
  if (found && (found.kind !== kind || found.hash !== request.hash)) {
    throw new TalonError('CONFLICT', 'This request id was used with another payload.')
  }
  return found
}

/** Makes a command happen once per request: its result is stored in the same savepoint and given to every repeat. */
export function once<
  Input extends { request?: RequestKey | undefined; at?: number | undefined },
  Result extends object,
>(command: Command<Input, Result>): Command<Input, Once<Result>> {
  return (connection, input) => {
    const found = earlier(connection, input.request, 'reply')
    // The text was written below, from a result of this very command: the hash covers the type of the request.
    if (found) return { result: { ...(JSON.parse(found.reference) as Result), duplicate: true }, changes: [] }
    const { result, changes } = command(connection, input)
    if (input.request) storeReply(connection, input.request, result, input.at)
    return { result: { ...result, duplicate: false }, changes }
  }
}

export function keepReply(
  connection: Connection,
  { reply, at, request }: CommandInput<'keepReply'>,
): Outcome<undefined> {
  if (!earlier(connection, request, 'reply')) storeReply(connection, request, reply, at)
  return done
}

/** What was kept of this request. */
export function findReply(connection: Connection, request: RequestKey): Record<string, unknown> | undefined {
  const found = earlier(connection, request, 'reply')
  // Written by storeReply, from an object.
  return found && (JSON.parse(found.reference) as Record<string, unknown>)
}

/** Without `at` the time of the machine is taken: it only decides when the reply may be forgotten. */
function storeReply(connection: Connection, request: RequestKey, result: object, at: number | undefined): void {
  connection
    .prepared(
      `INSERT INTO idempotency (token_id, request_id, request_hash, result, created_at)
       VALUES (?, ?, ?, ?, coalesce(?, CAST(unixepoch('subsec') * 1000 AS INTEGER)))`,
    )
    .run(request.tokenId, request.requestId, request.hash, JSON.stringify(result), at ?? null)
}
