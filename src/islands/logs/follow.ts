import { effect } from '@preact/signals'
import type { RequestPayload } from '../../protocol/messages.ts'
import { gateway, isOpen } from '../connection.ts'
import type { Entry, Row, Tail } from './tail.ts'

export type Filter = Pick<RequestPayload<'logs.subscribe'>, 'level' | 'text' | 'field'>

/** Where a page of lines ends: the number of its newest line, of that start of the gateway. */
export interface Place {
  after: number
  bootId: string
}

/** Sends the lines that follow into a tail, over lost connections and restarts; `failed` hears why none can be had. */
export function followLines(tail: Tail, filter: Filter, from: Place, failed: (error: unknown) => void): () => void {
  const client = gateway()
  let { after, bootId } = from
  const subscribe = async () => {
    try {
      const answer = await client.request('logs.subscribe', { ...filter, after, bootId })
      // Lines of the start before are none of this one, whose numbers begin anew.
      if (answer.bootId !== bootId) after = answer.after
      bootId = answer.bootId
      if (answer.dropped > 0) tail.drop(answer.dropped)
    } catch (error) {
      failed(error)
    }
  }
  const stops = [
    client.on('logs.entry', entry => {
      // A line has whatever fields it has, beside those that its type names.
      tail.push(rowOf(entry as Entry, bootId))
      after = entry.seq
    }),
    client.on('logs.dropped', ({ count }) => tail.drop(count)),
    effect(() => {
      if (isOpen.value) subscribe()
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

export function rowOf(entry: Entry, bootId: string): Row {
  return { key: `${bootId}/${entry.seq}`, entry }
}
