import { token } from './servers.ts'

/** The text of a request frame. */
export function frame(id: string, type: string, payload: Record<string, unknown>): string {
  return JSON.stringify({ id, type, version: '1.0.0', timestamp: Date.now(), payload })
}

export function hello(connection: number): string {
  return frame(`hello-${connection}`, 'hello', { token, client: { name: 'bench', version: '1' }, versions: ['1.0.0'] })
}

/** The id that a frame of the gateway answers. */
export function replyTo(text: string): string | undefined {
  const at = text.indexOf('"replyTo":"')
  return at === -1 ? undefined : text.slice(at + 11, text.indexOf('"', at + 11))
}
