import { describe, expect, test } from 'vitest'
import { jsonLine, textLine } from '../../src/server/log/text.ts'

const plain = { colours: false }
const time = new Date(2026, 10, 23, 6, 8, 57, 42).toISOString()

describe('a line for a person', () => {
  test('has local time, level, message and fields', () => {
    const entry = { level: 30, time, sessionId: 'sess_1', ms: 12, ok: true, nothing: null, msg: 'a run ended' }
    const line = '2026-11-23 06:08:57.042 INFO  a run ended  sessionId=sess_1 ms=12 ok=true nothing=null'
    expect(textLine(entry, plain)).toBe(line)
    expect(textLine({ ...entry, level: 'info', seq: 4 }, plain)).toBe(line)
  })

  test('quotes values that would not be told apart, and writes objects as JSON', () => {
    const entry = { level: 40, time, path: '/a b', said: 'a="b"', empty: '', list: ['x', 1], msg: 'm' }
    expect(textLine(entry, plain)).toContain(' path="/a b" said="a=\\"b\\"" empty="" list=["x",1]')
  })

  test('shows an error with its code, its place and its cause', () => {
    const stack = 'Error: outer\n    at one (a.ts:1:2)\n    at two (b.ts:3:4)\n    at c\n    at d'
    const cause = { type: 'TypeError', message: 'inner', stack }
    const line = textLine(
      { level: 50, time, err: { type: 'Error', code: 'EIO', message: 'outer', stack, cause }, msg: 'm' },
      plain,
    )
    expect(line).toContain(' err="EIO: outer" at="one (a.ts:1:2) < two (b.ts:3:4) < c" err.cause="TypeError: inner"')
  })

  test('is one line, with nothing in it that commands a terminal', () => {
    const hostile = 'a\nb\r\u001b[2J\u009b31m\u202etxt\u2028\u0007\u0000'
    const line = textLine({ level: 30, time, [hostile]: hostile, list: [hostile], msg: hostile }, plain)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\u2028]/)
    expect(line).toContain(' a\\nb\\r\\u001b[2J\\u009b31m\\u202etxt\\u2028\\u0007\\u0000 ')
    expect(textLine({ level: 30, time, msg: 'family 👨‍👩‍👧 and ü' }, plain)).toContain('family 👨‍👩‍👧 and ü')
  })

  test('is JSON for programs, which a terminal does not obey either', () => {
    const fields = { msg: 'a\u009b31mb\u202ec\u007f', tag: '\u{e0001}', emoji: '👩\u200d💻', n: 1 }
    const line = jsonLine(fields)
    expect(line).toBe('{"msg":"a\\u009b31mb\\u202ec\\u007f","tag":"\\udb40\\udc01","emoji":"👩\u200d💻","n":1}')
    expect(JSON.parse(line)).toEqual(fields)
  })

  test('has colours only where they are asked for', () => {
    expect(textLine({ level: 50, time, n: 1, msg: 'm' }, { colours: true })).toBe(
      '\u001b[90m2026-11-23 06:08:57.042\u001b[39m \u001b[31mERROR\u001b[39m m  \u001b[90mn=\u001b[39m1',
    )
  })

  test('shows what it does not know as it is', () => {
    expect(textLine({ level: 35, time: 'yesterday', msg: undefined }, plain)).toBe('yesterday 35    ')
  })
})
