import { expect, test } from 'vitest'
import { TalonError } from '../../../../src/protocol/errors.ts'
import { createReader, type ReaderOptions } from '../../../../src/server/tools/reading/reader.ts'
import type { Reading } from '../../../../src/server/tools/reading/reading.ts'
import { pdfFile } from './pdf-file.ts'

/** A reader that ends with its test. */
function testReader(options: ReaderOptions = {}) {
  const reader = createReader({ timeLimitMs: 60_000, ...options })
  return {
    ...reader,
    of: (content: string | Buffer, contentType?: string, more: { maxChars?: number; cut?: boolean } = {}) =>
      reader.read(
        {
          url: 'https://example.org/folder/page',
          contentType,
          bytes: Buffer.from(content),
          cut: false,
          maxChars: 20_000,
          ...more,
        },
        new AbortController().signal,
      ),
    [Symbol.asyncDispose]: reader.close,
  }
}

const sentence =
  'This is a sentence, with a comma, that is long enough to be taken for a part of a text by its reader. '

test('a page is read as Markdown: its article, with whole links and tables, without menus and scripts', async () => {
  await using reader = testReader()
  const html = `<!doctype html><html><head><title>Bees &amp; honey</title><meta property="article:published_time" content="2026-01-02">
    <script>steal()</script><style>p{}</style></head><body><nav><a href="/menu">Menu</a></nav><article><h1>Bees</h1>
    <p>${sentence.repeat(3)}<a href="other?a=1">a link</a> <a href="javascript:alert(1)">no link</a> <a href="#top">here</a></p>
    <p>${sentence.repeat(3)}<img src="bee.png" alt="A bee"><img src="data:image/png;base64,AAAA" alt="inline"></p>
    <table><thead><tr><th>Kind</th><th>Count</th></tr></thead><tbody><tr><td>a|b</td><td>2</td></tr></tbody></table>
    <pre><code>let a = 1</code></pre><ul><li>one</li><li>two</li></ul><p>${sentence.repeat(3)}</p></article>
    <footer>Imprint</footer></body></html>`
  const { text, title, published, kind, notes } = await reader.of(html, 'text/html; charset=utf-8')
  expect({ title, published, kind, notes }).toEqual({
    title: 'Bees & honey',
    published: '2026-01-02',
    kind: 'html',
    notes: [],
  })
  for (const part of [
    '[a link](https://example.org/folder/other?a=1)',
    'no link',
    '![A bee](https://example.org/folder/bee.png)',
    '| Kind | Count |',
    'a\\|b',
    'let a = 1',
  ]) {
    expect(text).toContain(part)
  }
  for (const part of ['Menu', 'steal', 'javascript:', 'base64', 'Imprint', '<']) expect(text).not.toContain(part)
})

test('a page of many short stories is read as a whole', async () => {
  await using reader = testReader()
  const stories = Array.from({ length: 40 }, (_, at) => `<div><h2>Story ${at}</h2><a href="/${at}">Read on</a></div>`)
  const { text } = await reader.of(`<html><head></head><body>${stories.join('')}</body></html>`, 'text/html')
  expect(text).toContain('## Story 0')
  expect(text).toContain('[Read on](https://example.org/39)')
})

test('a page that is made by its scripts says so', async () => {
  await using reader = testReader()
  const html =
    '<html><head><title>App</title></head><body><div id="root"></div><script src="/app.js"></script></body></html>'
  const { notes, title } = await reader.of(html, 'text/html')
  expect(title).toBe('App')
  expect(notes.join()).toContain('JavaScript')
})

test('text is decoded as its mark, its header or it itself says', async () => {
  await using reader = testReader()
  const cases: [bytes: Buffer, type: string][] = [
    [Buffer.from('<p>grün'), 'text/html; charset=utf-8'],
    [Buffer.from('<p>grün', 'latin1'), 'text/html; charset=iso-8859-1'],
    [Buffer.from('<p>grün', 'latin1'), 'text/html; charset="windows-1252"'],
    [Buffer.from('<meta charset=iso-8859-15><p>grün', 'latin1'), 'text/html'],
    [Buffer.from('<meta http-equiv=content-type content="text/html; charset=latin1"><p>grün', 'latin1'), 'text/html'],
    [Buffer.from('\ufeff<p>grün'), 'text/html; charset=iso-8859-1'],
    [Buffer.from('\ufeff<p>grün', 'utf16le'), 'text/html'],
    [Buffer.from('<p>grün'), 'text/html; charset=no-such-thing'],
    [Buffer.from('<p>grün', 'latin1'), 'text/html'],
    [Buffer.from('grün', 'latin1'), 'text/plain'],
    [Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>grün</a>', 'latin1'), 'application/xml'],
    [Buffer.concat([Buffer.from('<p>grün '), Buffer.from('ü').subarray(0, 1)]), 'text/html'],
  ]
  for (const [bytes, type] of cases) expect((await reader.of(bytes, type)).text).toContain('grün')
  const shiftJis = Buffer.from([0x93, 0xfa, 0x96, 0x7b]) // 日本
  expect((await reader.of(shiftJis, 'text/plain; charset=shift_jis')).text).toBe('日本')
})

test('JSON is indented, unless a number would change or it is none', async () => {
  await using reader = testReader()
  const textOf = async (json: string) => (await reader.of(json, 'application/json')).text
  expect(await textOf('{"a":[1,2]}')).toBe('{\n  "a": [\n    1,\n    2\n  ]\n}')
  expect(await textOf('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}')
  expect(await textOf('{"a":')).toBe('{"a":')
  const deep = '['.repeat(200_000) + ']'.repeat(200_000)
  expect(await reader.of(deep, 'application/problem+json', { maxChars: 100 })).toMatchObject({ totalChars: 400_000 })
})

test('a feed is read item by item, and other XML as it is', async () => {
  await using reader = testReader()
  const rss = `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel>
    <title>News</title><item><title>One &amp; only</title><link>https://example.org/1</link><pubDate>Mon, 2 Nov 2026</pubDate>
    <description><![CDATA[<p>First <b>words</b> &x;</p><script>bad()</script>]]></description></item></channel></rss>`
  const feed = await reader.of(rss, 'application/rss+xml')
  expect(feed).toMatchObject({ kind: 'feed', title: 'News' })
  expect(feed.text).toContain('## One & only\nhttps://example.org/1 · Mon, 2 Nov 2026\nFirst words')
  expect(feed.text).not.toMatch(/root:|bad\(/)
  const atom = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Notes</title><entry><title>A</title>
    <link href="https://example.org/a"/><updated>2026-01-01</updated><summary>Sum</summary></entry></feed>`
  expect((await reader.of(atom, 'text/xml')).text).toBe('## A\nhttps://example.org/a · 2026-01-01\nSum')
  expect(await reader.of('<a><b>1</b></a>', 'application/xml')).toMatchObject({ kind: 'xml', text: '<a><b>1</b></a>' })
})

test('a PDF is read page by page, as far as is asked', async () => {
  await using reader = testReader()
  const file = pdfFile(['The first page', 'The second page', 'The third page'])
  const whole = await reader.of(file, 'application/pdf')
  expect(whole).toMatchObject({ kind: 'pdf', title: 'A title', notes: [] })
  expect(whole.text).toContain('[Page 1 of 3]\nThe first page')
  expect(whole.text).toContain('[Page 3 of 3]\nThe third page')
  const part = await reader.of(file, 'application/octet-stream', { maxChars: 10 })
  expect(part.notes).toEqual(['1 of 3 pages were read.'])
  await expect(reader.of(file.subarray(0, 100), 'application/pdf')).rejects.toThrow(/damaged or has a password/)
  await expect(reader.of(file, 'application/pdf', { cut: true })).rejects.toThrow(/too large/)
})

test('what is no text is refused by what it is', async () => {
  await using reader = testReader()
  await expect(reader.of(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0]))).rejects.toThrow(/binary/)
  await expect(reader.of('abc', 'image/png')).rejects.toThrow(/image\/png/)
  await expect(reader.of('abc', 'image/png')).rejects.toBeInstanceOf(TalonError)
})

test('text is cut between characters, and holds nothing that a terminal obeys', async () => {
  await using reader = testReader()
  const { text, totalChars } = await reader.of(`abc${'😀'.repeat(100)}`, 'text/plain', { maxChars: 4 })
  expect({ text, totalChars }).toEqual({ text: 'abc', totalChars: 203 })
  expect((await reader.of('a\x1b[2Jb\r\nc\td', 'text/plain')).text).toBe('a[2Jb\nc\td')
})

test('pages that are made to be hard to read cost time in their thread only, and their words are still there', async () => {
  await using reader = testReader({ timeLimitMs: 1_500 })
  const pages = {
    'deep divs': `${'<div>'.repeat(100_000)}words`,
    'deep inline': `${'<b>'.repeat(200_000)}words`,
    'many tables': `${'<table><tr><td>'.repeat(20_000)}words`,
    'many tags': `${'<p>a</p>'.repeat(150_000)}words`,
    comments: `words${'<!--'.repeat(50_000)}`,
    'open tags': `words${'<'.repeat(100_000)}`,
    attributes: `<p ${'a=1 '.repeat(50_000)}>words`,
    entities: `${'&amp;'.repeat(50_000)}words`,
    marks: `${'*_`['.repeat(20_000)}words`,
    lists: `${'<ul><li>'.repeat(3_000)}words`,
    spaces: `words${' '.repeat(200_000)}.`,
  }
  const found: Record<string, boolean> = {}
  for (const [name, html] of Object.entries(pages)) {
    const reading: Reading = await reader.of(`<html><body>${html}</body></html>`, 'text/html', { maxChars: 5_000_000 })
    found[name] = reading.text.includes('words')
  }
  expect(Object.entries(found).filter(([, hasWords]) => !hasWords)).toEqual([])
}, 60_000)

test('whoever leaves stops the work, and the next document is read', async () => {
  await using reader = testReader()
  const stop = new AbortController()
  const slow = `<html><body>${`<p>${sentence}</p>`.repeat(20_000)}</body></html>`
  const source = {
    url: 'https://example.org/',
    contentType: 'text/html',
    bytes: Buffer.from(slow),
    cut: false,
    maxChars: 10,
  }
  const first = reader.read(source, stop.signal)
  const second = reader.of('next', 'text/plain')
  stop.abort(new TalonError('CANCELLED', 'left'))
  await expect(first).rejects.toThrow('left')
  expect((await second).text).toBe('next')
})

test('after the end nothing is read any more', async () => {
  const reader = testReader()
  await reader.of('text', 'text/plain')
  await reader.close()
  await expect(reader.of('text', 'text/plain')).rejects.toThrow('stopping')
})
