import type { TraceContext } from './record-tracing.ts'

// W3C Trace Context, level 1, section 3.2. A later version may append fields, this one may not.
const pattern = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const maxLength = 256
const sampledFlag = 1

/** Reads a `traceparent`; undefined for one that cannot be read, which then begins a new trace as the standard says. */
export function readTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > maxLength) return undefined
  const [, version, traceId, spanId, flags, more] = pattern.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & sampledFlag) === sampledFlag }
}

/** The header that tells another program which span asks it. */
export function writeTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}
