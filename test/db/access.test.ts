import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import { requestKey, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>

beforeEach(async () => {
  ;({ store, dispose } = await temporaryStore())
})
afterEach(() => dispose())

const token = (id: string, more: object = {}) => ({
  id,
  name: id,
  hash: `hash-${id}`,
  scopes: ['read' as const],
  createdAt: 1,
  ...more,
})
const cookie = (hash: string, tokenId: string, expiresAt = 100) => ({ hash, tokenId, createdAt: 1, expiresAt })

test('a token is kept until it is revoked, once, and takes its web sessions with it', async () => {
  await store.createToken(token('a', { expiresAt: 9 }))
  await store.createWebSession(cookie('c', 'a'))
  await store.touchTokens({ ids: ['a', 'nobody'], at: 5 })
  await store.touchTokens({ ids: ['a'], at: 4 })
  expect(await store.getToken('a')).toEqual({
    ...token('a'),
    profile: null,
    expiresAt: 9,
    lastUsedAt: 5,
    revokedAt: null,
  })
  expect(await store.getWebSession('c')).toEqual(cookie('c', 'a'))
  expect(await store.revokeToken({ id: 'a', at: 7 })).toBe(true)
  expect(await store.revokeToken({ id: 'a', at: 8 })).toBe(false)
  expect(await store.revokeToken({ id: 'nobody', at: 8 })).toBe(false)
  expect((await store.getToken('a'))?.revokedAt).toBe(7)
  expect(await store.getWebSession('c')).toBeUndefined()
})

test('a token is created once per request, and an id that exists is refused', async () => {
  const request = requestKey('r')
  await store.createToken({ ...token('a'), request })
  await store.createToken({ ...token('b'), request })
  expect((await store.listTokens()).map(({ id }) => id)).toEqual(['a'])
  await expect(store.createToken(token('a'))).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a token of the environment is replaced with its secret, and old cookies end only then', async () => {
  await store.putToken(token('env'))
  await store.createWebSession(cookie('c', 'env'))
  await store.putToken(token('env', { scopes: ['read', 'admin'], createdAt: 2 }))
  expect(await store.getToken('env')).toMatchObject({ scopes: ['read', 'admin'], createdAt: 1 })
  expect(await store.getWebSession('c')).toBeDefined()
  await store.revokeToken({ id: 'env', at: 3 })
  await store.putToken(token('env', { hash: 'other', createdAt: 4 }))
  expect(await store.getToken('env')).toMatchObject({ hash: 'other', createdAt: 4, revokedAt: null })
  expect(await store.getWebSession('c')).toBeUndefined()
})

test('a sign-out ends one web session', async () => {
  await store.createToken(token('a'))
  await store.createWebSession(cookie('c', 'a'))
  await store.createWebSession(cookie('d', 'a'))
  await store.deleteWebSession({ hash: 'c' })
  expect(await store.getWebSession('c')).toBeUndefined()
  expect(await store.getWebSession('d')).toBeDefined()
})

test('pruning removes what is past its time, however much, and nothing else', async () => {
  const create = (id: string, at: number) =>
    store.createSession({ id, senderId: 'a', channel: 'c', at, request: requestKey(id) })
  await Promise.all(Array.from({ length: 2_500 }, (_, index) => create(`old-${index}`, 10)))
  await create('new', 20)
  await store.createWebSession(cookie('old', 'a', 50))
  await store.createWebSession(cookie('new', 'a', 51))
  await store.prune({ idempotencyBefore: 20, now: 50 })
  expect(await store.getWebSession('old')).toBeUndefined()
  expect(await store.getWebSession('new')).toBeDefined()
  expect((await create('new', 20)).duplicate).toBe(true)
  // Its reply is forgotten, so the request is done anew and finds the id taken.
  await expect(create('old-7', 30)).rejects.toMatchObject({ code: 'CONFLICT' })
})
