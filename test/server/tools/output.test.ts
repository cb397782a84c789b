import fc from 'fast-check'
import { expect, test } from 'vitest'
import { capOutput, createHeadAndTail } from '../../../src/server/tools/output.ts'

test('text that fits is left alone, to the byte', () => {
  const text = 'é'.repeat(512)
  expect(capOutput(text, 1_024)).toEqual({ text, truncated: false })
  expect(capOutput(`${text}x`, 1_024).truncated).toBe(true)
})

test('what is cut is counted', () => {
  const { text } = capOutput('x'.repeat(5_000), 1_048)
  expect(text).toBe(`${'x'.repeat(500)}\n[… 4000 bytes cut …]\n${'x'.repeat(500)}`)
})

test('no cut falls inside a character, and the result never passes the limit', () => {
  fc.assert(
    fc.property(
      // The replacement character is what a cut would leave, so no text has it from the start.
      fc.string({ unit: 'grapheme', minLength: 400, maxLength: 900 }).filter(text => !text.includes('\ufffd')),
      fc.integer({ min: 64, max: 700 }),
      (text, max) => {
        const capped = capOutput(text, max)
        expect(Buffer.byteLength(capped.text)).toBeLessThanOrEqual(
          Math.max(max, capped.truncated ? 0 : Buffer.byteLength(text)),
        )
        expect(capped.text).not.toContain('\ufffd')
        if (!capped.truncated) expect(capped.text).toBe(text)
      },
    ),
  )
})

test('a stream keeps the same head and tail as the whole text would', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 30 }), chunks => {
      const stream = createHeadAndTail(512)
      for (const chunk of chunks) stream.add(Buffer.from(chunk))
      const whole = Buffer.from(chunks.join(''))
      const { text, truncated } = stream.text()
      expect(truncated).toBe(whole.length > 464)
      if (truncated) expect(text).toBe(capOutput(whole.toString(), 512).text)
      else expect(text).toBe(whole.toString())
    }),
  )
})

test('a stream of any length uses bounded room', () => {
  const stream = createHeadAndTail(4_096)
  const chunk = Buffer.alloc(65_536, 'x')
  for (let count = 0; count < 2_000; count++) stream.add(chunk)
  expect(stream.text().text.length).toBeLessThanOrEqual(4_096)
})
