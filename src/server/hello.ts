import type { Frame } from '../protocol/envelope.ts'
import { TalonError } from '../protocol/errors.ts'
import type { ParsedPayload, ReplyPayload } from '../protocol/messages.ts'
import { requests } from '../protocol/messages.ts'
import { negotiate, supportedVersions, versionMismatch } from '../protocol/version.ts'
import { maxFrameBytes, maxInFlight } from './bounds.ts'
import type { App, From, Identity } from './record.ts'

/** The state of a connection that says hello. */
interface Greeting {
  id: string
  app: App
  from: From
  identity: Identity | undefined
  greeted: boolean
}

/**
 * Answers `hello`: version, sign-in, and where to go on.
 * @throws TalonError `VERSION_MISMATCH`, `UNAUTHENTICATED`, `RATE_LIMITED`, each of which ends the connection
 */
export async function welcome(
  greeting: Greeting,
  frame: Frame,
): Promise<{
  identity: Identity
  payload: ReplyPayload<'hello'>
  resume: NonNullable<ParsedPayload<'hello'>['resume']>
}> {
  const parsed = requests.hello.payload.safeParse(frame.payload)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new TalonError(
      'INVALID_MESSAGE',
      `"hello": ${issue?.path.join('.') || 'payload'}: ${issue?.message ?? 'not valid'}`,
    )
  }
  if (greeting.greeted) throw new TalonError('INVALID_MESSAGE', '"hello" was said already on this connection.')
  const { token, versions, resume = [] } = parsed.data
  const version = negotiate(versions)
  if (version === undefined) {
    throw new TalonError('VERSION_MISMATCH', versionMismatch(versions.join(', ')), {
      supported: [...supportedVersions],
    })
  }
  const { app, from } = greeting
  const identity = token === undefined ? greeting.identity : await app.auth.verifyToken(token, from)
  if (!identity) {
    const why = token === undefined ? '"hello" needs a token on this connection.' : 'This token is not valid.'
    throw new TalonError('UNAUTHENTICATED', why)
  }
  const payload = {
    version,
    connectionId: greeting.id,
    server: { name: 'talon', version: app.version },
    scopes: [...identity.scopes],
    limits: { maxFrameBytes: maxFrameBytes.authenticated, maxInFlight },
    heartbeatMs: app.config['protocol.heartbeatMs'],
    deprecated: [],
  }
  return { identity, payload, resume }
}
