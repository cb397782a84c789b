import { describe, expect, test } from 'vitest'
import { maxLineChars } from '../../src/server/log/shorten.ts'
import { type GatewayLog, openLog, withIds } from '../../src/server/log.ts'

function testLog(level: Parameters<GatewayLog['setLevel']>[0] = 'trace') {
  const lines: string[] = []
  const log = openLog({ level, write: line => lines.push(line) })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') }
}

describe('a line', () => {
  test('is one JSON object with level, time, fields and message', () => {
    const { log, lines, last } = testLog()
    log.warn({ sessionId: 's', n: 1, gone: undefined }, 'hello\n"world"')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{"level":40,"time":"\d{4}-\d\d-\d\dT[\d:.]+Z","sessionId":"s","n":1,"msg":.*\}\n$/)
    expect(last().msg).toBe('hello\n"world"')
    log.info('plain')
    expect(last()).toEqual({ level: 30, time: expect.any(String), msg: 'plain' })
  })

  test('names every id of the log that was made for it, each once', () => {
    const { log, lines, last } = testLog()
    const ofRun = log.child({ sessionId: 's', runId: 'r' }).child({ runId: 'r2', tool: 'file_read' })
    ofRun.info({ tool: 'file_write' }, 'done')
    expect(last()).toMatchObject({ sessionId: 's', runId: 'r2', tool: 'file_write', msg: 'done' })
    expect(lines[0]?.match(/"runId"/g)).toHaveLength(1)
    expect(lines[0]?.match(/"tool"/g)).toHaveLength(1)
  })

  test('tells of an error what it is and where, with its causes, and none of its other fields', () => {
    const { log, last } = testLog()
    const cause = Object.assign(new TypeError('inner'), { code: 'ECONNRESET' })
    const error = Object.assign(new Error('outer', { cause }), {
      requestBody: 'what somebody wrote',
      headers: { a: 'b' },
    })
    log.error({ err: error }, 'it failed')
    const { err } = last()
    expect(err).toMatchObject({
      type: 'Error',
      message: 'outer',
      cause: { type: 'TypeError', message: 'inner', code: 'ECONNRESET' },
    })
    expect(err.stack).toContain('log.test.ts')
    expect(JSON.stringify(err)).not.toContain('somebody')
    const tries = new AggregateError([new Error('no route to ::1'), new Error('refused by 127.0.0.1')])
    log.error({ err: tries }, 'it failed')
    expect(last().err.errors.map(({ message }: Error) => message)).toEqual(['no route to ::1', 'refused by 127.0.0.1'])
    log.error({ err: 'a sentence' }, 'it failed')
    expect(last().err).toBe('a sentence')
  })

  test('is written whatever its fields are: one that throws takes nothing from the rest, and from no caller', () => {
    const { log, last } = testLog()
    const fields = {
      get broken() {
        throw new Error('not to be read')
      },
    }
    log.child({ sessionId: 's' }).warn(fields, 'it failed')
    expect(last()).toMatchObject({ level: 40, sessionId: 's', unreadable: ['broken'], msg: 'it failed' })
    const odd = Object.setPrototypeOf(new Error('odd'), Object.create(Error.prototype, { constructor: {} }))
    log.warn({ err: odd }, 'it failed')
    expect(last().err).toMatchObject({ type: 'Error', message: 'odd' })
  })

  test('ends the chain of an error that causes itself', () => {
    const { log, last } = testLog()
    const error = new Error('round')
    error.cause = error
    log.error({ err: error }, 'it failed')
    expect(last().err.cause.cause.message).toBe('round')
  })

  test('that is very long is cut, and says so', () => {
    const { log, lines, last } = testLog()
    log.warn({ sessionId: 's', body: 'x'.repeat(100_000), list: new Array(1_000).fill('y'), n: 1 }, 'a long one')
    expect(lines[0]?.length).toBeLessThanOrEqual(maxLineChars + 1)
    expect(last()).toMatchObject({ level: 40, sessionId: 's', n: 1, msg: 'a long one' })
    expect(last().body).toMatch(/^x{2000}… \(100000 characters\)$/)
    const many = Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`field ${index}`, 'z'.repeat(2_000)]))
    log.warn(many, 'too much of all')
    expect(last()).toMatchObject({ level: 40, cutFrom: expect.any(Number), msg: 'too much of all' })
    expect(lines[1]?.length).toBeLessThanOrEqual(maxLineChars + 1)
  })

  test('that is cut loses its secrets before, so that none is cut in two', () => {
    const { log, lines } = testLog()
    const secret = 'a-long-and-secret-value'
    log.hide([secret])
    log.warn({ body: `${'x'.repeat(1_990)}${secret}${'y'.repeat(50_000)}` }, 'a long one')
    expect(lines[0]).not.toContain('a-long')
    expect(lines[0]).toContain('[redacted]')
  })
})

describe('the level', () => {
  test('holds from the next line on, also for what was made before', () => {
    const { log, lines } = testLog('warn')
    const child = log.child({ runId: 'r' })
    child.info('not yet')
    expect(child.isOn('info')).toBe(false)
    log.setLevel('debug')
    child.debug('now')
    child.trace('still not')
    expect(child.isOn('debug')).toBe(true)
    log.setLevel('silent')
    child.fatal('never')
    expect(lines.map(line => JSON.parse(line).msg)).toEqual(['now'])
  })

  test('counts its lines', () => {
    const { log } = testLog('info')
    log.debug('none')
    log.info('one')
    log.child({}).info('two')
    log.error('three')
    expect(log.stats()).toEqual({ lines: { trace: 0, debug: 0, info: 2, warn: 0, error: 1, fatal: 0 }, lost: 0 })
  })
})

test('a record with ids hears of what the record learns later', () => {
  const { log, last } = testLog()
  const record: { log: GatewayLog; late?: string } = { log }
  const ofRun = withIds(record, { runId: 'r' })
  record.late = 'known now'
  ofRun.log.info('hello')
  expect(ofRun.late).toBe('known now')
  expect(last()).toMatchObject({ runId: 'r' })
  record.log.info('outside')
  expect(last().runId).toBeUndefined()
})
