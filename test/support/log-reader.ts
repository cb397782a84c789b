import type { ServerFrame } from '../../src/protocol/envelope.ts'
import type { RawSocket } from './raw-socket.ts'

/** The places of all log entries of a session that a socket got, in the order in which they came. */
export function places(socket: RawSocket, sessionId: unknown): string[] {
  return socket.frames
    .filter(frame => frame.seq !== undefined && frame.payload['sessionId'] === sessionId)
    .map(frame => `${frame.epoch}.${frame.seq}`)
}

/** `1.1` to `1.<count>`. */
export function everyPlace(count: number, epoch = 1, from = 1): string[] {
  return Array.from({ length: count - from + 1 }, (_, index) => `${epoch}.${index + from}`)
}

/** Matches the entry of this place. */
export function entry(seq: number, epoch = 1): (frame: ServerFrame) => boolean {
  return frame => frame.seq === seq && frame.epoch === epoch
}

/** A session of its own for one test; the socket is subscribed to it. */
export async function newSession(socket: RawSocket, payload: object = {}): Promise<string> {
  const created = await socket.ask('session.create', { senderId: 'ada', channel: 'test', ...payload })
  return String(created.payload['sessionId'])
}

/** Sends messages one after the other, and waits until the runs of all of them have ended. */
export async function fill(socket: RawSocket, sessionId: string, messages: number): Promise<void> {
  for (let number = 1; number <= messages; number++) {
    const { payload } = await socket.ask('session.send_message', { sessionId, text: `message ${number}` })
    await socket.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === payload['runId'])
  }
}
