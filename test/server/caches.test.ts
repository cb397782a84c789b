import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Store } from '../../src/db/store.ts'
import { TalonError } from '../../src/protocol/errors.ts'
import type { Session } from '../../src/protocol/shapes.ts'
import { createCache } from '../../src/server/cache.ts'
import { type Counts, cachedStore } from '../../src/server/cached-store.ts'
import { ConfigError, loadConfig } from '../../src/server/config.ts'
import { testGateway } from '../support/gateway.ts'
import { sendText, temporaryStore } from '../support/store.ts'

/** A clock that stands until it is moved. */
function standingClock() {
  let time = 1_000
  return {
    now: () => time,
    monotonic: () => time,
    move(ms: number) {
      time += ms
    },
  }
}

describe('a cache', () => {
  const clock = standingClock()
  const options = { name: 'numbers', max: 3, ttlMs: 100, clock }

  test('counts what it answered, what it did not know, and what had to go', () => {
    const cache = createCache<{ n: number }>(options)
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, { n: 1 })
    expect(cache.find('a')).toBeUndefined()
    expect(cache.find('d')).toEqual({ n: 1 })
    expect(cache.stats()).toEqual({ name: 'numbers', hits: 1, misses: 1, evictions: 1, size: 3, max: 3, ttlMs: 100 })
  })

  test('lets go of what nobody asked for the longest', () => {
    const cache = createCache<{ n: number }>(options)
    for (const key of ['a', 'b', 'c']) cache.set(key, { n: 1 })
    cache.find('a')
    cache.set('d', { n: 1 })
    expect(cache.find('a')).toBeDefined()
    expect(cache.find('b')).toBeUndefined()
  })

  test('knows a value as long as its time to live, by the clock that it is given', () => {
    const cache = createCache<{ n: number }>(options)
    cache.set('a', { n: 1 })
    clock.move(100)
    expect(cache.find('a')).toEqual({ n: 1 })
    clock.move(1)
    expect(cache.find('a')).toBeUndefined()
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, evictions: 0, size: 0 })
  })

  test('holds no more text than its bound, and no value that is too long alone', () => {
    const charsOf = ({ text }: { text: string }) => text.length
    const text = { maxChars: 100, maxCharsOfOne: 60, charsOf }
    const cache = createCache<{ text: string }>({ ...options, max: 1_000, text })
    for (const key of ['a', 'b', 'c']) cache.set(key, { text: 'x'.repeat(40) })
    expect(cache.stats()).toMatchObject({ size: 2, evictions: 1 })
    cache.set('b', { text: 'x'.repeat(61) })
    expect(cache.find('b')).toBeUndefined()
    expect(cache.find('c')).toBeDefined()
  })
})

describe('a store with caches', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>
  let sessions: ReturnType<typeof createCache<Session>>
  let counts: ReturnType<typeof createCache<Counts>>
  const clock = standingClock()

  beforeEach(async () => {
    opened = await temporaryStore()
    sessions = createCache<Session>({ name: 'sessions', max: 100, ttlMs: 60_000, clock })
    counts = createCache<Counts>({ name: 'status', max: 1, ttlMs: 60_000, clock })
    await opened.store.createSession({ id: 's', senderId: 'ada', channel: 'test', at: 1_000 })
  })
  afterEach(() => opened.dispose())

  const over = (store: Store) => cachedStore(store, { sessions, counts })

  test('asks the database once for what is read often', async () => {
    const store = over(opened.store)
    const first = await store.getSession('s')
    expect(first).toEqual(await opened.store.getSession('s'))
    for (let index = 0; index < 9; index++) expect(await store.getSession('s')).toBe(first)
    expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 0 })
    expect(sessions.stats()).toMatchObject({ hits: 10, misses: 1 })
    for (let index = 0; index < 10; index++) expect(await store.counts()).toMatchObject({ sessions: 1 })
    expect(counts.stats()).toMatchObject({ hits: 9, misses: 1 })
  })

  test('shares one read among those who ask at once', async () => {
    let reads = 0
    const counting = over({
      ...opened.store,
      getSession(sessionId) {
        reads += 1
        return opened.store.getSession(sessionId)
      },
    })
    await Promise.all(Array.from({ length: 10 }, () => counting.getSession('s')))
    expect(reads).toBe(1)
  })

  test('answers after a write from what its commit said, without another read', async () => {
    const store = over(opened.store)
    await store.updateSession({ sessionId: 's', title: 'new' })
    expect(await store.getSession('s')).toMatchObject({ title: 'new' })
    await sendText(store, 's', 'a')
    expect(await store.getSession('s')).toMatchObject({ title: 'new', seq: 1, state: 'active' })
    expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 1 })
    expect(sessions.stats()).toMatchObject({ hits: 3, misses: 0 })
  })

  test('knows no session that does not exist, and asks for it each time', async () => {
    const store = over(opened.store)
    expect(await store.getSession('none')).toBeUndefined()
    expect(await store.getHead('none')).toBeUndefined()
    expect(sessions.stats()).toMatchObject({ hits: 0, misses: 2, size: 0 })
    await store.createSession({ id: 'none', senderId: 'ada', channel: 'test', at: 1_000 })
    expect(await store.getSession('none')).toMatchObject({ id: 'none' })
  })

  test('shares what nobody can change', async () => {
    const store = over(opened.store)
    await store.updateSession({ sessionId: 's', config: { nested: { list: [1] } } })
    const session = await store.getSession('s')
    expect(() => Object.assign(session ?? {}, { title: 'mine' })).toThrow(TypeError)
    expect(() => Object.assign(session?.config['nested'] ?? {}, { list: [] })).toThrow(TypeError)
    await store.createSession({ id: 't', senderId: 'ada', channel: 'test', at: 1_000 })
    expect(Object.isFrozen(await store.getSession('t'))).toBe(true)
    expect(Object.isFrozen(await store.counts())).toBe(true)
  })

  test('tells its listeners of a commit when reads see it', async () => {
    const store = over(opened.store)
    await store.getSession('s')
    const seen: Promise<Session | undefined>[] = []
    store.onCommit(() => seen.push(store.getSession('s')))
    await store.updateSession({ sessionId: 's', title: 'new' })
    expect(await Promise.all(seen)).toMatchObject([{ title: 'new' }])
  })

  test('does not keep what was read before a commit and came after it', async () => {
    const gate = Promise.withResolvers<void>()
    const store = over({
      ...opened.store,
      async getSession(sessionId) {
        const session = await opened.store.getSession(sessionId)
        await gate.promise
        return session
      },
    })
    const early = store.getSession('s')
    await store.deleteSession({ sessionId: 's', at: 2_000, cut: { messageId: 'm' } })
    // It began after the deletion, so it must not share the read that began before.
    const late = store.getSession('s')
    gate.resolve()
    expect(await early).toMatchObject({ id: 's' })
    expect(await late).toBeUndefined()
    expect(await store.getSession('s')).toBeUndefined()
  })

  test('never goes back behind a commit that a read has seen before it was told of', async () => {
    const store = over(opened.store)
    const told: Promise<Session | undefined>[] = []
    store.onCommit(() => told.push(store.getSession('s')))
    // More than one transaction takes, so that the first commits are told of when the last one is on disk already.
    const writes = Array.from({ length: 500 }, (_, index) =>
      store.updateSession({ sessionId: 's', title: String(index) }),
    )
    await turn()
    // Only promises are waited for here, so that this thread hears of no commit meanwhile.
    const deadline = performance.now() + 30_000
    while ((await opened.store.getSession('s'))?.title !== '499' && performance.now() < deadline);
    expect(await store.getSession('s')).toMatchObject({ title: '499' })
    expect(told).toEqual([])
    await Promise.all(writes)
    expect(told.length).toBeGreaterThan(1)
    for (const session of await Promise.all(told)) expect(session).toMatchObject({ title: '499' })
    await store.updateSession({ sessionId: 's', title: 'after' })
    expect(await store.getSession('s')).toMatchObject({ title: 'after' })
  }, 60_000)

  test('reads anew after a write of which nobody knows whether it happened', async () => {
    let isDead = false
    const store = over({
      ...opened.store,
      // The writer dies between a commit and its news, so that nobody ever hears of it.
      onCommit: listener => opened.store.onCommit(changes => !isDead && listener(changes)),
      async updateSession(input) {
        await opened.store.updateSession(input)
        throw new TalonError('STORAGE_UNAVAILABLE', 'Storage had to be restarted: try again.')
      },
    })
    expect(await store.getSession('s')).toMatchObject({ title: null })
    await store.counts()
    isDead = true
    await expect(store.updateSession({ sessionId: 's', title: 'new' })).rejects.toThrow('restarted')
    expect(await store.getSession('s')).toMatchObject({ title: 'new' })
    expect(counts.stats()).toMatchObject({ size: 0 })
  })

  test('keeps what it knows when a write was refused', async () => {
    const store = over(opened.store)
    await store.getSession('s')
    await expect(store.updateSession({ sessionId: 'none', title: 'new' })).rejects.toThrow('not found')
    expect(sessions.stats()).toMatchObject({ size: 1 })
  })
})

describe('the caches of a gateway', () => {
  test('show what they did, and stay within their bounds', async () => {
    await using gateway = await testGateway({ env: { TALON_CACHE_SESSIONS: '2' } })
    const client = gateway.client()
    for (let index = 0; index < 5; index++) {
      const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
      await client.request('session.get', { sessionId })
    }
    await client.request('tools.list', {})
    await client.request('tools.list', {})
    const [sessions, tools, status] = gateway.app.caches.stats()
    expect(sessions).toMatchObject({ name: 'sessions', size: 2, max: 2, ttlMs: 300_000, evictions: 3 })
    expect(sessions?.hits).toBeGreaterThanOrEqual(5)
    expect(tools).toMatchObject({ name: 'tools', hits: 1, misses: 1, size: 1, max: 1, ttlMs: 600_000 })
    expect(status).toMatchObject({ name: 'status', max: 1, ttlMs: 30_000 })
  })

  test('give the same answers as a gateway without them', async () => {
    const off = { TALON_CACHE_ENABLED: 'off' }
    for (const env of [{}, off]) {
      await using gateway = await testGateway({ env })
      const client = gateway.client()
      const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test', title: 'one' })
      for (const title of ['two', 'three']) {
        await client.request('session.update', { sessionId, title })
        expect((await client.request('session.get', { sessionId })).session).toMatchObject({ title })
      }
      const { tools } = await client.request('tools.list', {})
      expect(await client.request('tools.list', {})).toEqual({
        tools: JSON.parse(JSON.stringify(gateway.app.tools.list())),
      })
      expect(tools.length).toBeGreaterThan(0)
      const answer = await gateway.fetch('/api/v1/tools')
      expect(await answer.json()).toEqual({ tools })
      expect((await client.request('gateway.status', {})).stats).toMatchObject({ sessions: 1, totalMessages: 0 })
      expect(gateway.app.caches.stats()).toHaveLength(env === off ? 0 : 3)
    }
  })

  test('never hold what changes without a commit: time, connections, how the gateway is', async () => {
    await using gateway = await testGateway()
    const client = gateway.client()
    const before = await client.request('gateway.status', {})
    const other = gateway.client()
    await other.request('ping', {})
    const after = await client.request('gateway.status', {})
    expect(after.stats.wsClients).toBe(before.stats.wsClients + 1)
    expect(after.timestamp).toBeGreaterThanOrEqual(before.timestamp)
  })

  test.each(['TALON_CACHE_SESSION_TTL_MS', 'TALON_CACHE_TOOL_TTL_MS', 'TALON_CACHE_STATUS_TTL_MS'])(
    '%s=0 is refused with the way to do without caches',
    async variable => {
      const load = () => loadConfig({ home: '/nowhere', env: { [variable]: '0' }, flags: {} })
      expect(load).toThrow(ConfigError)
      expect(load).toThrow('set cache.enabled to off to do without caches')
    },
  )
})
