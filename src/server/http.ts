import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { TalonError } from '../protocol/errors.ts'
import type { Scope } from '../protocol/shapes.ts'
import type { Actor, From, Identity, TraceContext } from './record.ts'

/** What the middleware of `app.ts` leaves for those that come after it. */
export interface HttpEnv {
  /** Absent where a test asks without a socket. */
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** Socket address of the peer. */
    address: string
    /** Who asks; undefined if nobody is signed in. */
    identity: Identity | undefined
    /** The span of this request; absent while no traces are made. */
    trace: TraceContext | undefined
  }
}

/**
 * A header of the answer, whatever that will be; one that the answer has itself goes before it. On Node's own answer, where
 * there is one: to give Hono's headers of its own makes it several times dearer.
 */
export function setHeader(c: Context<HttpEnv>, name: string, value: string): void {
  const outgoing = c.env?.outgoing
  if (outgoing) outgoing.setHeader(name, value)
  else c.header(name, value)
}

/** From where a request comes. */
export function fromOf(c: Context<HttpEnv>): From {
  return { channel: 'http', address: c.get('address'), userAgent: c.req.header('user-agent') }
}

/** Who asks, for the audit trail. */
export function actorAt(c: Context<HttpEnv>): Actor {
  return { ...fromOf(c), tokenId: c.get('identity')?.tokenId ?? null }
}

/** Who asks, with this scope. @throws TalonError `UNAUTHENTICATED` or `FORBIDDEN` */
export function requireScope(c: Context<HttpEnv>, scope: Scope): Identity {
  const identity = c.get('identity')
  if (!identity)
    throw new TalonError('UNAUTHENTICATED', 'Sign in first: send a token as "Authorization: Bearer tln_…".')
  if (!identity.scopes.has(scope)) throw new TalonError('FORBIDDEN', `This needs a token with the scope "${scope}".`)
  return identity
}
