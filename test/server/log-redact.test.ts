import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRedactor } from '../../src/server/log/redact.ts'

const random = 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3gH5jK7mN9p'

/** What is left of a line with this message, which must be JSON still. */
function cleaned(msg: string, secrets: string[] = []): string {
  const redactor = createRedactor()
  redactor.hide(secrets)
  return JSON.parse(redactor.clean(JSON.stringify({ level: 30, msg }))).msg
}

describe('what looks like a secret is hidden', () => {
  test.each([
    ['a token of Talon, of which the id stays', `tln_owner-1a2b3c_${random}`, 'tln_owner-1a2b3c_[redacted]'],
    ['a key of OpenAI', 'sk-proj-abcDEF123456', '[redacted]'],
    ['a key of Anthropic', 'sk-ant-api03-abcDEF123456', '[redacted]'],
    ['a masked key, which providers quote', 'sk-abcd*************wxyz', '[redacted]'],
    ['a key of Google', `AIza${'b'.repeat(35)}`, '[redacted]'],
    ['a key of Groq', `gsk_${'c'.repeat(30)}`, '[redacted]'],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['a token of GitHub', `ghp_${'d'.repeat(36)}`, '[redacted]'],
    ['a token of Slack', 'xoxb-123456789012-abcdef', '[redacted]'],
    ['a JSON Web Token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl', '[redacted]'],
    ['a sign-in code', `http://127.0.0.1:1/login#code=${random}`, 'http://127.0.0.1:1/login#code=[redacted]'],
    ['a sign-in code in an address', `next=%2Flogin%23code%3D${random}`, 'next=%2Flogin%23code%3D[redacted]'],
    ['a bearer header', 'Authorization: Bearer abc.DEF-123', 'Authorization: Bearer [redacted]'],
    ['a basic header', 'authorization: Basic dXNlcjpwYXNz', 'authorization: Basic [redacted]'],
    ['a header of cookies, all of it', 'Cookie: theme=dark; talon=abcdefgh', 'Cookie: [redacted]'],
    [
      'a password in an address',
      'connect to redis://ada:hunter22@cache:6379',
      'connect to redis://[redacted]@cache:6379',
    ],
    ['a query parameter', '/v1/models?api_key=abcd1234&page=2', '/v1/models?api_key=[redacted]&page=2'],
    ['a field in quoted JSON', 'body {"apiKey":"abcd1234","n":1}', 'body {"apiKey":"[redacted]","n":1}'],
    [
      'a field of several words in quoted JSON',
      '{"password":"correct horse","n":1}',
      '{"password":"[redacted]","n":1}',
    ],
    ['a value of several words', "secret = 'correct horse', n = 1", "secret = '[redacted]', n = 1"],
    ['a secret of AWS', 'aws_secret_access_key=wJalrXUtnFEMI/K7MDENG', 'aws_secret_access_key=[redacted]'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc', '[redacted]'],
  ])('%s', (_what, text, left) => {
    expect(cleaned(text)).toBe(left)
    // In front of it stands the end of an escape, of which the letter is none of the word.
    expect(cleaned(`first\n${text}`)).toBe(`first\n${left}`)
    expect(cleaned(`first\t${text}`)).toBe(`first\t${left}`)
    expect(cleaned(`\u0001${text}`)).toBe(`\u0001${left}`)
  })

  test('a field of that name, however deep and however short its value', () => {
    const line = JSON.stringify({ token: 'x', deep: [{ list: { client_secret: 'a"b\\', 'x-api-key': 'y' } }], n: 1 })
    const hidden = {
      token: '[redacted]',
      deep: [{ list: { client_secret: '[redacted]', 'x-api-key': '[redacted]' } }],
      n: 1,
    }
    expect(JSON.parse(createRedactor().clean(line))).toEqual(hidden)
  })

  test('a field of that name with a list or an object, all of it', () => {
    const line = JSON.stringify({
      'set-cookie': ['a=1', 'b="}]2"'],
      credentials: { user: 'ada', key: ['x'] },
      secret: { value: '{"y"]', n: 1 },
      token: [],
      passphrase: 'correct horse',
      privateKey: 'z',
      tokens: { input: 1 },
      n: 1,
    })
    expect(JSON.parse(createRedactor().clean(line))).toEqual({
      'set-cookie': '[redacted]',
      // What lies deeper is found by its own name, or by its looks.
      credentials: { user: 'ada', key: ['x'] },
      secret: '[redacted]',
      token: '[redacted]',
      passphrase: '[redacted]',
      privateKey: '[redacted]',
      tokens: { input: 1 },
      n: 1,
    })
  })
})

test.each([
  'a session sess_019c6f3a-7c00-7d42-9a51-3f0f7f6f2b10 of run 019c6f3a-8d11-7e55-b2c4-90a1b2c3d4e5',
  'inputTokens=12345678, tokenId: owner-1a2b3c, tokens: 12345678',
  'the task-scheduler and risk-assessment-for-everybody of desk-number-12345678',
  'Unexpected token < in JSON at position 0',
  `a file of ${'a'.repeat(43)} and ${'A'.repeat(43)}`,
  '/usr/lib/node_modules/some-package-with-a-long-name/dist/index.js:12:34',
  'https://example.org/a@b and mail to ada@example.org',
])('ordinary text stays as it is: %s', text => {
  expect(cleaned(text)).toBe(text)
})

describe('a secret that is known', () => {
  const secret = 'correct "horse" \\ bättery/staple?'

  test('is hidden in any field, in JSON within a string, and in an address', () => {
    const redactor = createRedactor()
    redactor.hide([secret])
    const body = JSON.stringify({ quoted: secret })
    const line = JSON.stringify({
      level: 30,
      [secret]: 1,
      body,
      path: `/x?y=${encodeURIComponent(secret)}z`,
      msg: secret,
    })
    const clean = JSON.parse(redactor.clean(line))
    expect(clean).toEqual({
      level: 30,
      '[redacted]': 1,
      body: '{"quoted":"[redacted]"}',
      path: '/x?y=[redacted]z',
      msg: '[redacted]',
    })
  })

  test('is hidden as a whole where another one is its beginning', () => {
    expect(cleaned('key abcdefgh-and-more!', ['abcdefgh', 'abcdefgh-and-more'])).toBe('key [redacted]!')
  })

  test('is found among letters whose lower case depends on their neighbours', () => {
    expect(cleaned('ΟΔΟΣΟΔΟΣΑ', ['ΟΔΟΣΟΔΟΣ'])).toBe('[redacted]Α')
  })

  test('is told from other text by its case', () => {
    expect(cleaned('Mistral and mistral-1', ['mistral-1', 'MISTRAL-'])).toBe('Mistral and [redacted]')
  })

  test('is hidden line by line where it has several', () => {
    const lines = ['MIIEvQIBADANBgkqhkiG9w0BAQ', 'short', 'Aa0123456789bcdefghijklmnop']
    expect(cleaned(`first ${lines[0]}, then ${lines[2]}, in short`, [lines.join('\r\n')])).toBe(
      'first [redacted], then [redacted], in short',
    )
  })

  test('does not break an escape that ends with its first letter', () => {
    expect(cleaned('one\nabcdefghi', ['nabcdefghi'])).toBe('one\nabcdefghi')
  })

  test('is too short to be one with fewer than eight characters, or none at all', () => {
    expect(cleaned('ollama runs', ['ollama', '', '        '])).toBe('ollama runs')
  })
})

test('whatever is logged, a line stays JSON and no known secret is left in it', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const secrets = fc.array(fc.string({ unit: 'binary', minLength: 8, maxLength: 24 }), { maxLength: 4 })
  fc.assert(
    fc.property(secrets, fc.array(text, { maxLength: 5 }), fc.object(), (hidden, parts, fields) => {
      const redactor = createRedactor()
      redactor.hide(hidden)
      const msg = [...parts, ...hidden].join(' ')
      const clean = JSON.parse(redactor.clean(JSON.stringify({ level: 30, fields, msg })))
      for (const secret of hidden.map(each => each.trim()).filter(each => each.length >= 8 && each.isWellFormed())) {
        expect(clean.msg).not.toContain(secret)
      }
    }),
    { numRuns: 300 },
  )
})

test('invisible characters are shown as escapes and are the same characters still', () => {
  const text = 'a\u0085b\u009b31mc\u202ed\u2028e\u007ff'
  const line = createRedactor().clean(JSON.stringify({ msg: text }))
  expect(line).toBe('{"msg":"a\\u0085b\\u009b31mc\\u202ed\\u2028e\\u007ff"}')
  expect(JSON.parse(line).msg).toBe(text)
})

test('a line of a megabyte is cleaned in time that grows with its length only', () => {
  for (const part of [
    'a',
    '\\',
    'sk-',
    'cookie: ',
    'token=',
    '://x',
    '-',
    'Bearer ',
    '"',
    'eyJaaaaaaaaa.',
    "token='a",
  ]) {
    const line = JSON.stringify({ msg: part.repeat(1_000_000 / part.length) })
    expect(() => JSON.parse(createRedactor().clean(line))).not.toThrow()
  }
}, 30_000)
