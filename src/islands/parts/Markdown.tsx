import type { Token, Tokens } from 'marked'
import type { ComponentChildren, JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { CodeBlock } from './Code.tsx'
import { decodeEntities, lexMarkdown, linkify, safeHref } from './markdown.ts'

// Deeper structure than this is shown as its source; no text for people needs it.
const maxDepth = 12
const maxTableCells = 2_000

/**
 * Markdown as elements, never as HTML: raw HTML stays text, images become links, links lead to the web or to mail only. The last
 * block of a text that is still `growing` has no colours yet.
 */
export function Markdown({ text, growing = false }: { text: string; growing?: boolean }): JSX.Element {
  const tokens = useMemo(() => lexMarkdown(text), [text])
  if (!tokens) return <div class="whitespace-pre-wrap break-words">{text}</div>
  const last = growing ? tokens.at(-1) : undefined
  if (last?.type !== 'code') return <div class="prose">{blocks(tokens, 0)}</div>
  return (
    <div class="prose">
      {blocks(tokens.slice(0, -1), 0)}
      <CodeBlock text={(last as Tokens.Code).text} language={undefined} />
    </div>
  )
}

function blocks(tokens: readonly Token[], depth: number): ComponentChildren {
  return tokens.map(token => block(token, depth))
}

function block(token: Token, depth: number): ComponentChildren {
  if (depth > maxDepth) return <p>{token.raw}</p>
  switch (token.type) {
    case 'space':
    case 'def':
      return null
    case 'heading':
      return <Heading token={token as Tokens.Heading} depth={depth} />
    case 'code':
      return <CodeBlock text={(token as Tokens.Code).text} language={languageOf(token as Tokens.Code)} />
    case 'hr':
      return <hr />
    case 'blockquote':
      return <blockquote>{blocks(token.tokens ?? [], depth + 1)}</blockquote>
    case 'list':
      return <List token={token as Tokens.List} depth={depth} />
    case 'table':
      return <Table token={token as Tokens.Table} depth={depth} />
    case 'paragraph':
      return <p>{inlines(token.tokens, token.raw, depth)}</p>
    case 'html':
      return <p class="whitespace-pre-wrap">{token.raw}</p>
    default:
      return inline(token, depth)
  }
}

/** A heading inside a message is below the headings of the page, so it starts at the third level. */
function Heading({ token, depth }: { token: Tokens.Heading; depth: number }): JSX.Element {
  const children = inlines(token.tokens, token.raw, depth)
  if (token.depth === 1) return <h3>{children}</h3>
  return token.depth === 2 ? <h4>{children}</h4> : <h5>{children}</h5>
}

function languageOf({ lang = '' }: Tokens.Code): string | undefined {
  return /^[\w+#.-]{1,20}/.exec(lang)?.[0]
}

function List({ token, depth }: { token: Tokens.List; depth: number }): JSX.Element {
  const items = token.items.map(item => (
    <li class={item.task ? 'task' : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label="Task" />}
      {blocks(
        item.tokens.filter(child => child.type !== 'checkbox'),
        depth + 1,
      )}
    </li>
  ))
  if (!token.ordered) return <ul>{items}</ul>
  return <ol start={typeof token.start === 'number' ? token.start : 1}>{items}</ol>
}

function Table({ token, depth }: { token: Tokens.Table; depth: number }): JSX.Element {
  if (token.header.length * (token.rows.length + 1) > maxTableCells) return <pre>{token.raw}</pre>
  const cell = (from: Tokens.TableCell) => inlines(from.tokens, from.text, depth)
  const align = (from: Tokens.TableCell) => (from.align === null ? undefined : `align-${from.align}`)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <div class="table-scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map(head => (
              <th class={align(head)}>{cell(head)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map(row => (
            <tr>
              {row.map(data => (
                <td class={align(data)}>{cell(data)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function inlines(tokens: readonly Token[] | undefined, raw: string, depth: number): ComponentChildren {
  if (!tokens || depth > maxDepth) return raw
  return tokens.map(token => inline(token, depth + 1))
}

function inline(token: Token, depth: number): ComponentChildren {
  switch (token.type) {
    case 'strong':
      return <strong>{inlines(token.tokens, token.raw, depth)}</strong>
    case 'em':
      return <em>{inlines(token.tokens, token.raw, depth)}</em>
    case 'del':
      return <del>{inlines(token.tokens, token.raw, depth)}</del>
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>
    case 'br':
      return <br />
    case 'escape':
      return (token as Tokens.Escape).text
    case 'link':
      return <Link href={token.href}>{inlines(token.tokens, token.raw, depth)}</Link>
    case 'image':
      return <Link href={token.href}>{`Image: ${token.text || token.href}`}</Link>
    case 'text':
      if (token.tokens) return inlines(token.tokens, token.raw, depth)
      return linkify(decodeEntities(token.raw)).map(part =>
        part.href === undefined ? part.text : <Link href={part.href}>{part.text}</Link>,
      )
    default:
      return token.raw
  }
}

function Link({ href, children }: { href: string; children: ComponentChildren }): JSX.Element {
  const safe = safeHref(href)
  if (safe === undefined) return <span>{children}</span>
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  )
}
