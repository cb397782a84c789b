import { renderToString } from 'preact-render-to-string'
import { expect, test } from 'vitest'
import { Output } from '../../../src/islands/tools/Output.tsx'
import { type Outcome, Result } from '../../../src/islands/tools/Result.tsx'
import { outcomeWord, sizeOf } from '../../../src/islands/tools/words.ts'

const done: Outcome = { invocationId: 'i', success: true, output: 'said', durationMs: 12, truncated: false }

function shown(more: Partial<Outcome>): string {
  return renderToString(<Result outcome={{ ...done, ...more }} names={{ 'token-1': 'Phone' }} />)
}

test('a result says how it ended, what was decided, by whom and why', () => {
  const decision = {
    allowed: true,
    outcome: 'allow',
    rule: 'granted.once',
    why: 'It was allowed.',
    by: 'token-1',
  } as const
  const html = shown({ decision, truncated: true })
  for (const part of ['Done', '12 ms', 'granted.once', 'It was allowed.', 'Phone', 'said', 'tools.maxOutputBytes']) {
    expect(html).toContain(part)
  }
  const asks = { allowed: false, outcome: 'ask', rule: 'ask' } as const
  expect(shown({ dryRun: true, decision: asks })).toContain('Would ask a person first')
})

test('a failure says why, and leaves out an output that there is not', () => {
  const html = shown({ success: false, output: '', error: 'There is no such file.', code: 'NOT_FOUND' })
  expect(html).toContain('There is no such file.')
  expect(html).toContain('Failed')
  expect(html).not.toContain('<pre')
})

test('pictures of a tool are shown, other files are links, and names are text', () => {
  const html = shown({
    attachments: [
      { id: 'a/1', name: '"><img src=x onerror=alert(1)>', mime: 'image/png', bytes: 2_048 },
      { id: 'b', name: 'page.svg', mime: 'image/svg+xml', bytes: 10 },
    ],
  })
  expect(html.match(/<img /g)).toHaveLength(1)
  expect(html).toContain('src="/api/v1/attachments/a%2F1"')
  expect(html).toContain('href="/api/v1/attachments/b"')
  expect(html).toContain('2.0 KiB')
})

test.each([
  ['JSON with its lines', '{"a":[1]}', '{\n  &quot;a&quot;: [\n    1\n  ]\n}'],
  ['what only begins like JSON as it is', '{a}', '{a}'],
  ['markup as text', '<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)>'],
  ['nothing as such', '', '(no output)'],
])('output is shown: %s', (_what, text, html) => {
  expect(renderToString(<Output text={text} />)).toContain(html)
})

test('output is shown: a diff by its lines, a long text by its beginning', () => {
  const diff = renderToString(<Output text={'Would edit a.\n@@ -1,1 +1,1 @@\n-a\n+b'} />)
  expect(diff).toContain('class="diff-del"')
  expect(diff).toContain('class="diff-add"')
  const long = renderToString(<Output text={'x'.repeat(60_000)} />)
  expect(long.length).toBeLessThan(51_000)
  expect(long).toContain('10,000 more characters')
})

test('how a run ended and how much it said are told in words', () => {
  const run = { success: false, dryRun: false, code: 'INTERNAL', decision: { allowed: true } }
  expect(outcomeWord(run).word).toBe('Failed')
  expect(outcomeWord({ ...run, code: 'FORBIDDEN', decision: { allowed: false } }).word).toBe('Refused')
  expect(outcomeWord({ ...run, code: 'CANCELLED' }).word).toBe('Cancelled')
  expect(outcomeWord({ ...run, success: null }).word).toBe('Running')
  expect(outcomeWord({ ...run, success: true, dryRun: true }).word).toBe('Dry run')
  expect([sizeOf(0), sizeOf(1_536), sizeOf(20_480), sizeOf(3_145_728)]).toEqual(['0 B', '1.5 KiB', '20 KiB', '3.0 MiB'])
})
