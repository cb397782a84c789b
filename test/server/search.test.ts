import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'

describe('session.search', () => {
  let gateway: TestGateway
  let client: Client
  beforeAll(async () => {
    gateway = await testGateway()
    client = gateway.client()
  })
  afterAll(async () => {
    client.close()
    await gateway[Symbol.asyncDispose]()
  })

  const create = (title?: string) =>
    client.request('session.create', { senderId: 'ada', channel: 'test', ...(title !== undefined && { title }) })

  it('finds a message as soon as it is accepted, and the answer to it', async () => {
    const { sessionId } = await create('Birds')
    const ended = new Promise<void>(resolve => {
      client.on('run.finished', payload => payload.sessionId === sessionId && resolve())
    })
    const accepted = await client.request('session.send_message', { sessionId, text: 'a Kingfisher, perhaps' })
    const { hits } = await client.request('session.search', { query: 'kingfisher role:user' })
    expect(hits).toEqual([
      {
        sessionId,
        messageId: accepted.messageId,
        epoch: 1,
        seq: 1,
        role: 'user',
        snippet: 'a Kingfisher, perhaps',
        marks: [[2, 12]],
        rank: expect.any(Number),
        timestamp: expect.any(Number),
        title: 'Birds',
        channel: 'test',
      },
    ])
    await ended
    const all = await client.request('session.search', { query: 'kingfish*', sessionId })
    expect(all.hits.map(({ role }) => role).sort()).toEqual(['assistant', 'user'])
    // Before, the answer could have been stored while the search was under way.
    expect(all.unindexed).toBe(0)
  })

  it('finds the output of a tool', async () => {
    const { sessionId } = await create()
    const ended = new Promise<void>(resolve => {
      client.on('run.finished', payload => payload.sessionId === sessionId && resolve())
    })
    await client.request('session.send_message', {
      sessionId,
      text: '/tool file_read {"path": "no-such-albatross.txt"}',
    })
    await ended
    const { hits } = await client.request('session.search', { query: 'albatross role:tool', sessionId })
    expect(hits).toMatchObject([{ sessionId, role: 'tool', seq: expect.any(Number) }])
  })

  it('finds a title, without a message', async () => {
    const { sessionId } = await create('Notes on Flamingos')
    const { hits } = await client.request('session.search', { query: 'flamingos' })
    expect(hits).toMatchObject([
      { sessionId, role: 'title', messageId: null, epoch: null, seq: null, snippet: 'Notes on Flamingos' },
    ])
  })

  it('refuses what cannot be searched with a sentence', async () => {
    const refused = (payload: Record<string, unknown>) =>
      client.request('session.search', payload as { query: string }).then(
        () => 'found',
        error => [error.code, error.message],
      )
    expect(await refused({ query: '   ' })).toEqual([
      'INVALID_MESSAGE',
      'There is nothing to search for: write a word, a "phrase", or a filter such as role:user.',
    ])
    expect(await refused({ query: 'x before:soon' })).toEqual([
      'INVALID_MESSAGE',
      expect.stringContaining('2026-01-31'),
    ])
    expect(await refused({ query: 'x'.repeat(1_001) })).toEqual(['INVALID_MESSAGE', expect.stringContaining('query')])
    expect(await refused({ query: 'x', limit: 101 })).toEqual(['INVALID_MESSAGE', expect.stringContaining('limit')])
    expect(await refused({ query: 'x', sessionId: 'none' })).toEqual(['SESSION_NOT_FOUND', 'Session not found'])
  })

  it('needs the scope read', async () => {
    const other = gateway.client(await gateway.token('chat'))
    await expect(other.request('session.search', { query: 'kingfisher' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    other.close()
  })
})
