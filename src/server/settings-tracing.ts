import * as z from 'zod'

/** The settings of the section `tracing`, in the table of `settings.ts`. */
export const tracingSettings = {
  'tracing.endpoint': {
    schema: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:4318, or null' })
      .refine(isPlainAddress, 'no user, password, query or fragment; a key belongs into tracing.headers')
      .nullable(),
    default: null,
    doc: 'Address of an OpenTelemetry collector that takes traces by OTLP over HTTP; null makes none. See docs/tracing.md.',
    live: false,
  },
  'tracing.headers': {
    schema: z.record(
      z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/),
      z.string().regex(/^[\x20-\x7e]{0,4000}$/, 'must be printable ASCII'),
    ),
    default: {},
    doc: 'Headers for that collector, such as its key.',
    live: false,
    secret: true,
  },
  'tracing.sampleRatio': {
    schema: z.number().min(0).max(1),
    default: 1,
    doc: 'Part of the traces that are made, from 0 to 1. One that a caller began by traceparent is made if the caller says so.',
    live: true,
  },
} as const

/** An address without parts that a log line must not show. */
function isPlainAddress(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { username, password, search, hash } = new URL(address)
  return [username, password, search, hash].every(part => part === '')
}
