import { render } from 'preact-render-to-string'
import { expect, test } from 'vitest'
import { Markdown } from '../../src/islands/parts/Markdown.tsx'
import { lexMarkdown, linkify, safeHref } from '../../src/islands/parts/markdown.ts'

const html = (text: string) => render(<Markdown text={text} />)

test('paragraphs, emphasis, lists, code and tables become elements', () => {
  const page = html(
    '# Title\n\n**bold** *soft* ~~gone~~ `x<y`\n\n1. one\n2. two\n\n```ts\nlet a = 1\n```\n\n|a|b|\n|-|:-:|\n|1|2|',
  )
  for (const part of ['<h3>Title</h3>', '<strong>bold</strong>', '<em>soft</em>', '<del>gone</del>']) {
    expect(page).toContain(part)
  }
  expect(page).toContain('<code>x&lt;y</code>')
  expect(page).toMatch(/<ol start="1"><li>one<\/li><li>two<\/li><\/ol>/)
  expect(page).toContain('<figcaption><span>ts</span>')
  expect(page).toContain('<td class="align-center">2</td>')
})

test('raw HTML stays text', () => {
  const page = html('<script>alert(1)</script>\n\nhello <img src=x onerror=alert(1)> there\n\n<div onclick="x()">')
  expect(page).not.toMatch(/<(script|img|div onclick)/)
  expect(page).toContain('&lt;script>')
})

test('links lead to the web or to mail only', () => {
  const hostile = [
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java&#x0A;script:alert(1))',
    '[x](data:text/html,<b>)',
    '[x](vbscript:x)',
    '[x](//evil.example)',
    '[x](/logout)',
    '<javascript:alert(1)>',
    '![x](javascript:alert(1))',
  ]
  for (const text of hostile) expect(html(text), text).not.toContain('href')
  expect(html('[site](https://example.org/a?b=c)')).toContain(
    '<a href="https://example.org/a?b=c" target="_blank" rel="noopener noreferrer nofollow">site</a>',
  )
  expect(safeHref('mailto:a@example.org')).toBe('mailto:a@example.org')
})

test('an image becomes a link and is never loaded', () => {
  expect(html('![secret](https://example.org/leak.png?q=1)')).toBe(
    '<div class="prose"><p><a href="https://example.org/leak.png?q=1" target="_blank" rel="noopener noreferrer nofollow">Image: secret</a></p></div>',
  )
})

test('a bare address becomes a link without the punctuation that follows it', () => {
  expect(linkify('see https://example.org/a_(b). Then')).toEqual([
    { text: 'see ' },
    { text: 'https://example.org/a_(b)', href: 'https://example.org/a_(b)' },
    { text: '. Then' },
  ])
})

test('an attribute cannot be broken out of', () => {
  expect(html('[x](https://example.org/"onmouseover="alert(1))')).not.toMatch(/"\s*onmouseover/)
})

test('character references are shown as what they mean, in text only', () => {
  expect(html('a &amp; b &#60;i&#62; &nope; `&amp;`')).toContain('a &amp; b &lt;i> &amp;nope; <code>&amp;amp;</code>')
})

test('text that would make the lexer slow or deep is shown as it is', () => {
  const hostile = [
    '>'.repeat(5_000),
    '- '.repeat(5_000),
    '*'.repeat(9_000),
    `- a\n${'b\n'.repeat(9_000)}`,
    'x'.repeat(99_999),
  ]
  for (const text of hostile) {
    expect(lexMarkdown(text), text.slice(0, 10)).toBeUndefined()
    expect(html(text)).toContain('whitespace-pre-wrap')
  }
  // Without a bound on look-ahead, this word alone would take seconds.
  expect(lexMarkdown('a.'.repeat(16_000))).toBeDefined()
})

test('quotes nested beyond the bound show their source', () => {
  const page = html(`${'>'.repeat(30)}deep`)
  expect(page).toContain('deep')
  expect(page.match(/<blockquote>/g)?.length).toBeLessThanOrEqual(13)
})
