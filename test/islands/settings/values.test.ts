import { describe, expect, test } from 'vitest'
import { matches } from '../../../src/islands/settings/matches.ts'
import { readValue, textOf } from '../../../src/islands/settings/values.ts'
import { settingKeys } from '../../../src/server/config.ts'
import { settings } from '../../../src/server/settings.ts'
import { fieldOf } from '../../../src/server/settings-fields.ts'

describe('the field of a setting', () => {
  test.each(settingKeys)('%s: the text of its default is read back as that', key => {
    const field = fieldOf(key)
    const value = settings[key].default
    expect(readValue(field, textOf(field, value))).toEqual({ value })
    if (field.kind === 'choice') expect(field.options).toContain(value)
  })

  test('has a kind and a hint from its schema', () => {
    expect(fieldOf('agent.retries')).toMatchObject({
      kind: 'number',
      nullable: false,
      hint: 'Whole number from 0 to 10.',
    })
    expect(fieldOf('storage.readers').hint).toBe('“auto” or a whole number from 1 to 64.')
    expect(fieldOf('backup.everyHours')).toMatchObject({ kind: 'number', nullable: true })
    expect(fieldOf('log.level').options).toContain('debug')
    expect(fieldOf('network.ports').kind).toBe('numbers')
    expect(fieldOf('budget.prices').kind).toBe('json')
  })
})

describe('what was entered', () => {
  const field = (kind: Parameters<typeof readValue>[0]['kind'], nullable = false) => ({ kind, nullable })

  test('becomes a value of its kind', () => {
    expect(readValue(field('lines'), ' a \r\n\r\n b ')).toEqual({ value: ['a', 'b'] })
    expect(readValue(field('numbers'), '80, 443 8080')).toEqual({ value: [80, 443, 8080] })
    expect(readValue(field('mixed'), '12')).toEqual({ value: 12 })
    expect(readValue(field('mixed'), 'auto')).toEqual({ value: 'auto' })
    expect(readValue(field('text', true), ' ')).toEqual({ value: null })
    expect(readValue(field('switch'), 'false')).toEqual({ value: false })
  })

  test.each([
    ['number', ''],
    ['number', '1,000 apples'],
    ['numbers', '80, many'],
    ['json', '{"a":'],
  ] as const)('as %s %j has a problem that says what to do', (kind, text) => {
    expect(readValue(field(kind), text)).toEqual({ problem: expect.stringMatching(/\.$/) })
  })
})

test('a filter finds every word, and what was changed or waits', () => {
  const row = { text: 'log.level Lowest level that is logged. info', source: 'file', restartRequired: false }
  expect(matches(row, { query: 'LEVEL info', show: 'changed' })).toBe(true)
  expect(matches(row, { query: 'level debug', show: '' })).toBe(false)
  expect(matches(row, { query: '', show: 'restart' })).toBe(false)
  expect(matches({ ...row, source: 'env' }, { query: '', show: 'fixed' })).toBe(true)
})
