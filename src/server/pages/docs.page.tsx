import type { JSX } from 'preact'
import { Markdown } from '../../islands/parts/Markdown.tsx'
import { TalonError } from '../../protocol/errors.ts'
import { type OwnDoc, ownDoc, ownDocs } from '../own-docs.ts'
import { definePage } from './page.ts'

interface DocsData {
  docs: OwnDoc[]
  /** The one that is read. */
  name: string | undefined
  title: string
  sections: { title: string | undefined; text: string }[]
}

export default definePage<DocsData>({
  path: '/docs',
  scope: 'read',
  title: ({ title }) => title,
  async load(_app, { query }) {
    const [docs, name] = [await ownDocs(), query('name')]
    if (name === undefined) return { docs, name, title: 'Documentation', sections: [] }
    const text = await ownDoc(name)
    if (text === undefined) throw new TalonError('NOT_FOUND', 'There is no documentation of this name.')
    const { title = name, sections } = sectionsOf(text)
    return { docs, name, title, sections }
  },
  view: data => <Docs {...data} />,
})

/**
 * Cuts a page at its headings of the second level, because each part is shown by itself: a whole page is longer than what
 * is read as Markdown at once. Headings below become those of the first level, which come right under that of the part.
 */
function sectionsOf(text: string): { title: string | undefined; sections: DocsData['sections'] } {
  const sections: { title: string | undefined; lines: string[] }[] = [{ title: undefined, lines: [] }]
  let title: string | undefined
  let isCode = false
  for (const line of text.split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) isCode = !isCode
    const [, marks = '', words = ''] = (!isCode && /^(#{1,6}) (.+)$/.exec(line)) || []
    if (marks === '#') title ??= words
    else if (marks === '##') sections.push({ title: words, lines: [] })
    else sections.at(-1)?.lines.push(marks === '' ? line : `${marks.slice(2)} ${words}`)
  }
  return { title, sections: sections.map(part => ({ title: part.title, text: part.lines.join('\n').trim() })) }
}

function Docs({ docs, name, title, sections }: DocsData): JSX.Element {
  return (
    <>
      <p class="mb-2 text-sm">
        <a href={name === undefined ? '/settings/about' : '/docs'}>
          {name === undefined ? 'About' : 'All documentation'}
        </a>
      </p>
      <h1 class="mb-6">{title}</h1>
      {name === undefined ? <Index docs={docs} /> : <Text sections={sections} />}
    </>
  )
}

function Index({ docs }: Pick<DocsData, 'docs'>): JSX.Element {
  if (docs.length === 0) {
    return <p class="card empty">This installation came without it: it is the folder docs of the source.</p>
  }
  return (
    <ul class="card divide-y divide-line">
      {docs.map(({ name, title }) => (
        <li key={name} class="row">
          <a class="row-link" href={`/docs?name=${name}`}>
            {title}
          </a>
        </li>
      ))}
    </ul>
  )
}

function Text({ sections }: Pick<DocsData, 'sections'>): JSX.Element {
  return (
    <div class="max-w-4xl">
      {sections.map(({ title, text }) => (
        <section key={title} class="mb-8">
          {title && <h2 class="mb-3">{title}</h2>}
          {text && <Markdown text={text} />}
        </section>
      ))}
    </div>
  )
}
