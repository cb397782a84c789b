import { type Frame, parseFrame } from '../../protocol/envelope.ts'
import { isRequestType } from '../../protocol/messages.ts'
import type { Metrics } from '../record-metrics.ts'

/** Reads one frame of a client and counts it. @throws TalonError as `parseFrame` does */
export function readFrame(metrics: Metrics, text: string): Frame {
  try {
    const frame = parseFrame(text)
    countFrame(metrics, 'in', isRequestType(frame.type) ? frame.type : 'unknown', text)
    // Only v0.3 left the version out; a hello without one is a mistake.
    if (frame.version === undefined && frame.type !== 'hello') metrics.inc('talon_websocket_legacy_messages_total')
    return frame
  } catch (error) {
    countFrame(metrics, 'in', 'unreadable', text)
    throw error
  }
}

export function countFrame(metrics: Metrics, direction: 'in' | 'out', type: string, text: string): void {
  metrics.inc('talon_websocket_messages_total', direction, type)
  metrics.add('talon_websocket_bytes_total', Buffer.byteLength(text), direction, type)
}

// RFC 6455 and what the gateway closes with; a client may send any of 3000 to 4999.
const closeCodesOfClients = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011])

/** The label of a close code, for a code that the gateway chose or a client sent. */
export function closeCodeLabel(chosen: number | undefined, received: number): string {
  if (chosen !== undefined) return String(chosen)
  return closeCodesOfClients.has(received) ? String(received) : 'other'
}
