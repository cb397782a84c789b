import type { Scope } from '../../protocol/shapes.ts'
import type { NewToken, TokenRow, WebSession } from '../store.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'

interface StoredToken {
  id: string
  name: string
  hash: string
  scopes: string
  profile: TokenRow['profile']
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
}

const tokenColumns = 'id, name, hash, scopes, profile, created_at, expires_at, last_used_at, revoked_at'

function toToken(row: StoredToken): TokenRow {
  return {
    id: row.id,
    name: row.name,
    hash: row.hash,
    // Written by insertToken or putToken from a list of scopes.
    scopes: JSON.parse(row.scopes) as Scope[],
    profile: row.profile,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  }
}

/** @throws TalonError `CONFLICT` if the id is taken. */
export function createToken(connection: Connection, input: CommandInput<'createToken'>): Outcome<{ id: string }> {
  connection
    .prepared(
      'INSERT INTO tokens (id, name, hash, scopes, profile, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(...tokenValues(input))
  return { result: { id: input.id }, changes: [] }
}

/** Another secret ends the web sessions that stood for the old one. */
export function putToken(connection: Connection, input: NewToken): Outcome<undefined> {
  connection
    .prepared(
      'DELETE FROM web_sessions WHERE token_id = @id AND NOT EXISTS (SELECT 1 FROM tokens WHERE id = @id AND hash = @hash)',
    )
    .run({ id: input.id, hash: input.hash })
  connection
    .prepared(
      `INSERT INTO tokens (id, name, hash, scopes, profile, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, scopes = excluded.scopes, profile = excluded.profile, expires_at = excluded.expires_at,
         created_at = iif(hash = excluded.hash, created_at, excluded.created_at),
         last_used_at = iif(hash = excluded.hash, last_used_at, NULL), hash = excluded.hash, revoked_at = NULL`,
    )
    .run(...tokenValues(input))
  return done
}

export function revokeToken(connection: Connection, { id, at }: CommandInput<'revokeToken'>): Outcome<boolean> {
  const { changes } = connection
    .prepared('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
    .run(at, id)
  connection.prepared('DELETE FROM web_sessions WHERE token_id = ?').run(id)
  return { result: changes === 1, changes: [] }
}

export function touchTokens(connection: Connection, { ids, at }: CommandInput<'touchTokens'>): Outcome<undefined> {
  const touch = connection.prepared('UPDATE tokens SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?')
  for (const id of ids) touch.run(at, id)
  return done
}

export function createWebSession(connection: Connection, input: WebSession): Outcome<undefined> {
  connection
    .prepared('INSERT INTO web_sessions (hash, token_id, created_at, expires_at) VALUES (?, ?, ?, ?)')
    .run(input.hash, input.tokenId, input.createdAt, input.expiresAt)
  return done
}

export function deleteWebSession(connection: Connection, { hash }: { hash: string }): Outcome<undefined> {
  connection.prepared('DELETE FROM web_sessions WHERE hash = ?').run(hash)
  return done
}

export function getToken(connection: Connection, id: string): TokenRow | undefined {
  const row = connection.prepared<StoredToken>(`SELECT ${tokenColumns} FROM tokens WHERE id = ?`).get(id)
  return row && toToken(row)
}

/** All of them, oldest first: a person makes tokens, so they are few. */
export function listTokens(connection: Connection): TokenRow[] {
  return connection
    .prepared<StoredToken>(`SELECT ${tokenColumns} FROM tokens ORDER BY created_at, id`)
    .all()
    .map(toToken)
}

export function getWebSession(connection: Connection, hash: string): WebSession | undefined {
  return connection
    .prepared<WebSession>(
      `SELECT hash, token_id AS tokenId, created_at AS createdAt, expires_at AS expiresAt FROM web_sessions WHERE hash = ?`,
    )
    .get(hash)
}

function tokenValues(token: NewToken): unknown[] {
  const { id, name, hash, scopes, profile = null, createdAt, expiresAt = null } = token
  return [id, name, hash, JSON.stringify(scopes), profile, createdAt, expiresAt]
}
