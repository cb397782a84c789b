/** Everything that is audited, and what an entry of it says. An action that is no longer made stays in old entries. */
export const auditActions = {
  'gateway.start': 'The gateway is ready. Details: its version, what identifies this start, the hash of talon.json.',
  'gateway.stop': 'The gateway has ended its work. A start without a stop before it followed a crash.',
  sign_in: 'Somebody came in, or did not: with a link, a token or a cookie.',
  'sign_in.link': 'A sign-in link was made, which lets in whoever opens it first.',
  sign_out: 'A browser was signed out.',
  'token.create': 'A token was created. Details: its name, its scopes, its end.',
  'token.revoke': 'A token was revoked.',
  'config.change': 'Settings changed. Details: their names, the hash of talon.json before and after.',
  'provider.test': 'Somebody let a provider be asked for its models. Details: its address, how it went.',
  'provider.key': 'The key of a provider was entered, or another in its place.',
  'session.delete': 'A session was deleted; it can be restored for 30 days.',
  'session.restore': 'A deleted session was brought back.',
  'session.reset': 'The history of a session was archived.',
  'session.erase': 'A deleted session was erased for good.',
  'session.export': 'A session was exported.',
  'session.import': 'A session was imported.',
  'data.import': 'Sessions of v0.3.3 or v0.4.0 were imported. Details: how many.',
  'data.restore': 'A backup took the place of the database.',
  'backup.create': 'A backup was made, or could not be.',
  'backup.download': 'A backup was downloaded: every conversation, and the hashes of all tokens.',
  'backup.delete': 'A backup was deleted.',
  'memory.delete': 'A memory, a fact, the persona, a note or a task was deleted for good. Details: which kind.',
  'approval.resolve':
    'A call of a tool that waited was allowed or denied. Details: whose call, the hash of what was allowed, how it is remembered.',
  'approval.revoke': 'What was allowed beyond one call was taken back.',
  'approval.restore': 'What was taken back a moment ago was allowed again.',
  'session.elevate': 'A session got the profile "full" for a while. Details: minutes, 0 where it was ended.',
  'schedule.add': 'Somebody added a schedule. Details: its name, its times.',
  'schedule.remove': 'Somebody removed a schedule.',
  'schedule.pause': 'A schedule was paused or let go on, by somebody, or by the gateway for the reason that is told.',
  'schedule.run': 'Somebody let a schedule run beside its times.',
  'tool.run':
    'A tool ran, or was not allowed to. Details: which rule said so, how it ended, the hash of its arguments.',
} as const

export type AuditAction = keyof typeof auditActions
