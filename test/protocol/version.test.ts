import { expect, test } from 'vitest'
import { isServed, negotiate, protocolVersion, supportedVersions, versionMismatch } from '../../src/protocol/version.ts'

test.each(['1.0.0', '1.0.99', '1.12.3', '1.0.0-rc.1', '1.0.0+build.5', '1.999999999.0'])('%s is served', version => {
  expect(isServed(version)).toBe(true)
})

test.each([
  '0.4.0',
  '2.0.0',
  '11.0.0',
  '1',
  '1.0',
  '1.0.0.0',
  'v1.0.0',
  '01.0.0',
  '1.00.0',
  '1.0.0-',
  '1.0.-1',
  '١.0.0',
  '1.0.0\n',
  '1.9999999999.0',
])('%j is not served', version => {
  expect(isServed(version)).toBe(false)
})

test('a hostile version costs nothing', () => {
  const started = performance.now()
  for (const version of ['1.'.repeat(500_000), `1.0.0-${'.'.repeat(500_000)}`, '0'.repeat(500_000)])
    expect(isServed(version)).toBe(false)
  expect(performance.now() - started).toBeLessThan(200)
})

test('of what a client offers, ours is spoken if one of them is served', () => {
  expect(negotiate(['3.0.0', '1.4.0'])).toBe(protocolVersion)
  expect(negotiate(['3.0.0', 'latest'])).toBeUndefined()
  expect(negotiate([])).toBeUndefined()
})

test('a mismatch names both sides and does not repeat a long text', () => {
  expect(versionMismatch('2.0.0')).toContain('2.0.0')
  expect(versionMismatch('')).toContain(supportedVersions.join(', '))
  expect(versionMismatch('9'.repeat(10_000)).length).toBeLessThan(200)
})
