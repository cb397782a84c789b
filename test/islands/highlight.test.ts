import { expect, test } from 'vitest'
import { highlight } from '../../src/islands/parts/highlight.ts'

const languages = ['ts', 'rust', 'python', 'ruby', 'bash', 'sql', 'html', 'yaml', 'json', 'css', 'diff']
const kinds = (code: string, language: string) =>
  highlight(code, language)?.flatMap(({ kind, text }) => (kind ? [`${kind}:${text}`] : []))

test('words, texts, numbers and comments of a language are told apart', () => {
  expect(kinds("const a = 'x' + 12 // why", 'ts')).toEqual([
    'keyword:const',
    "string:'x'",
    'number:12',
    'comment:// why',
  ])
  expect(kinds("let constant = `a $b 'c'`", 'TS')).toEqual(['keyword:let', "string:`a $b 'c'`"])
  expect(kinds("fn a<'x>() { 'c' }", 'rust')).toEqual(['keyword:fn', "string:'c'"])
  expect(kinds('def f(): # no\n  """doc\n"""', 'python')).toEqual(['keyword:def', 'comment:# no', 'string:"""doc\n"""'])
  expect(kinds('select 1 FROM t -- x', 'sql')).toEqual(['keyword:select', 'number:1', 'keyword:FROM', 'comment:-- x'])
  expect(kinds('{"a": "b", "c": [1, true]}', 'json')).toEqual([
    ...['name:"a"', 'string:"b"', 'name:"c"', 'number:1', 'keyword:true'],
  ])
  expect(kinds('<a href="b">it\'s</a>', 'html')).toEqual([
    'keyword:<a',
    'string:"b"',
    'keyword:>',
    'keyword:</a',
    'keyword:>',
  ])
  expect(kinds('@@ -1 +1 @@\n-a\n+b\n c', 'diff')).toEqual(['keyword:@@ -1 +1 @@', 'removed:-a', 'added:+b'])
  expect(kinds('a: 1 # x\nb: "c"', 'yaml')).toEqual(['name:a', 'number:1', 'comment:# x', 'name:b', 'string:"c"'])
})

test('a language that is not known has no colours', () => {
  for (const language of ['brainfuck', 'toString', '__proto__', '']) expect(highlight('x', language)).toBeUndefined()
})

test('the pieces are the code, whatever it is, and there is a bound to them', () => {
  const marks = [
    '"',
    "'",
    '`',
    '/*',
    '//',
    '#',
    '<',
    '<!--',
    '\\',
    '"""',
    '\n',
    'a',
    '1 ',
    '$',
    '{',
    '-',
    '=',
    'aaaa ',
    '@',
    '[',
  ]
  for (const language of languages) {
    for (const mark of marks) {
      const code = mark.repeat(Math.floor(50_000 / mark.length))
      const parts = highlight(code, language) ?? []
      expect(parts.map(({ text }) => text).join('') === code, `${language} ${mark}`).toBe(true)
      expect(parts.length).toBeLessThanOrEqual(8_001)
    }
  }
})
