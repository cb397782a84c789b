import type { Role } from '../../protocol/shapes.ts'
import { dateFacets } from './dates.ts'
import { normal } from './words.ts'

/** The words under which a message is indexed beside its text, so that a filter is a word like any other. */
export function facetsOf(message: { sessionRowid: number; channel: string; role: Role; timestamp: number }): string {
  const { sessionRowid, channel, role, timestamp } = message
  return [sessionFacet(sessionRowid), channelFacet(channel), roleFacet(role), ...dateFacets(timestamp)].join(' ')
}

export function sessionFacet(rowid: number): string {
  return `s${rowid}`
}

export function roleFacet(role: Role): string {
  return `r${role}`
}

/** In hex, because the index would take the name of a channel apart. Case does not count. */
export function channelFacet(channel: string): string {
  return `c${Buffer.from(channel.normalize('NFC').toLowerCase()).toString('hex')}`
}

/** In hex, as the name of a channel. */
export function tagFacet(tag: string): string {
  return `t${Buffer.from(normal(tag).toLowerCase()).toString('hex')}`
}
