import { expectTypeOf, test } from 'vitest'
import type { AnyEventFrame, Client, EventFrame, SessionEvent } from '../../src/client/index.ts'
import type { EventType } from '../../src/protocol/messages.ts'
import type { Message, SessionItem } from '../../src/protocol/shapes.ts'

// None of these functions is called: what they say is checked by the compiler.
test('requests are typed by the table of the protocol', () => {
  const check = (client: Client) => {
    const list = client.request('session.list', {})
    expectTypeOf(list).resolves.toHaveProperty('nextCursor').toEqualTypeOf<string | null>()
    list.then(({ sessions }) => expectTypeOf(sessions[0]).toExtend<SessionItem | undefined>())
    const accepted = client.request('session.send_message', { sessionId: 's', text: 't' })
    expectTypeOf(accepted).resolves.toHaveProperty('duplicate').toEqualTypeOf<boolean>()
    // @ts-expect-error a required field is missing
    client.request('session.send_message', { sessionId: 's' })
    // @ts-expect-error no such request
    client.request('session.fly', {})
    // @ts-expect-error the client says hello itself
    client.request('hello', { client: { name: 'a', version: '1' }, versions: ['1.0.0'] })
  }
  expectTypeOf(check).parameter(0).toEqualTypeOf<Client>()
})

test('events are typed by the table of the protocol', () => {
  const check = (client: Client) => {
    client.on('session.message', (payload, frame) => {
      expectTypeOf(payload.message).toEqualTypeOf<Message>()
      expectTypeOf(frame).toEqualTypeOf<EventFrame<'session.message'>>()
      expectTypeOf(frame.seq).toEqualTypeOf<number | undefined>()
    })
    client.on('*', (_payload, frame) => {
      expectTypeOf(frame).toEqualTypeOf<AnyEventFrame>()
      if (frame.type === 'session.message.delta') expectTypeOf(frame.payload.delta).toEqualTypeOf<string>()
    })
    // @ts-expect-error no such event
    client.on('session.flown', () => {})
  }
  expectTypeOf(check).parameter(0).toEqualTypeOf<Client>()
  expectTypeOf<AnyEventFrame['type']>().toEqualTypeOf<EventType>()
})

test('the events of a session are a union that its type field tells apart', () => {
  const check = async (client: Client) => {
    for await (const event of client.session('s', { after: 0 })) {
      expectTypeOf(event).toEqualTypeOf<SessionEvent>()
      if (event.type === 'session.message') {
        expectTypeOf(event.seq).toEqualTypeOf<number>()
        expectTypeOf(event.payload.message).toEqualTypeOf<Message>()
      }
      if (event.type === 'session.message.delta') {
        expectTypeOf(event.payload.delta).toEqualTypeOf<string>()
        expectTypeOf(event).not.toHaveProperty('seq')
      }
      if (event.type === 'reset') expectTypeOf(event).toEqualTypeOf<{ type: 'reset'; epoch: number }>()
    }
  }
  expectTypeOf(check).parameter(0).toEqualTypeOf<Client>()
})

test('the state tells what belongs to it', () => {
  const check = ({ state }: Client) => {
    if (state.status === 'reconnecting') expectTypeOf(state.nextInMs).toEqualTypeOf<number>()
    if (state.status === 'open') expectTypeOf(state.resumed).toEqualTypeOf<number>()
    if (state.status === 'closed') {
      expectTypeOf(state.reason).toEqualTypeOf<'version' | 'auth' | 'revoked' | 'closed'>()
    }
  }
  expectTypeOf(check).parameter(0).toEqualTypeOf<Client>()
})
