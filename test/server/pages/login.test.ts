import { expect, test } from 'vitest'
import { safeNext } from '../../../src/server/pages/login.tsx'

test.each([
  '/',
  '/sessions',
  '/sessions?channel=cli&state=idle',
  '/sessions/0198c2f4-6d1e-7c3a-9b1f-2f6a54d0c9e1?before=5',
])('the way back after signing in keeps %s', path => {
  expect(safeNext(path)).toBe(path)
})

test.each([
  undefined,
  '',
  'sessions',
  '//evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/x/..//evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  ' /sessions',
  '/login',
  '/login?next=/login',
  '/logout',
])('the way back is the dashboard for %j', next => {
  expect(safeNext(next)).toBe('/')
})
