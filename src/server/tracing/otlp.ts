import type { Attributes } from '../record-tracing.ts'

/** A span that has ended. */
export interface FinishedSpan {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  kind: 'internal' | 'server' | 'client'
  /** Unix milliseconds, with a fraction. */
  startMs: number
  endMs: number
  attributes: Attributes
  failed: boolean
}

export interface Source {
  version: string
  /** Differs from start to start. */
  instance: string
}

// SpanKind and StatusCode of opentelemetry/proto/trace/v1/trace.proto.
const kinds = { internal: 1, server: 2, client: 3 }
const statusError = 2
// Names and ids come from callers too; a longer one tells no more.
const maxTextLength = 256

/** The body of `POST /v1/traces`: ExportTraceServiceRequest in the JSON encoding of OTLP 1. */
export function writeTraces(spans: readonly FinishedSpan[], { version, instance }: Source): string {
  const resource = { 'service.name': 'talon', 'service.version': version, 'service.instance.id': instance }
  const scopeSpans = [{ scope: { name: 'talon', version }, spans: spans.map(spanOf) }]
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] })
}

function spanOf({ traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, failed }: FinishedSpan) {
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: name.slice(0, maxTextLength),
    kind: kinds[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(attributes),
    status: failed ? { code: statusError } : {},
  }
}

/** Whole microseconds: what a double still holds of the present time, and what a clock of JavaScript tells. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1_000)}000`
}

function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  )
}

function anyValue(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value.slice(0, maxTextLength) }
  if (typeof value === 'boolean') return { boolValue: value }
  // 64-bit integers are strings in the JSON encoding.
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
