import { tables } from '@joplin/turndown-plugin-gfm'
import Turndown from 'turndown'

/** HTML as Markdown; links and images are whole URLs of the web, or only their text. */
export function toMarkdown(html: string, base: string): string {
  const turndown = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' })
  turndown.use(tables)
  turndown.remove(['script', 'style', 'noscript', 'iframe', 'object'])
  turndown.addRule('link', {
    filter: node => node.nodeName === 'A',
    replacement(content, node) {
      const url = webUrl((node as Element).getAttribute('href'), base) // A filter for elements lets nothing else pass.
      const text = content.replace(/\s+/g, ' ').trim()
      return url === undefined || text === '' ? content : `[${text}](${url})`
    },
  })
  turndown.addRule('image', {
    filter: 'img',
    replacement(_content, node) {
      const element = node as Element // As above.
      const text = (element.getAttribute('alt') ?? '').replace(/\s+/g, ' ').replace(/[[\]]/g, '').trim()
      const url = webUrl(element.getAttribute('src'), base)
      return url === undefined || text === '' ? text : `![${text}](${url})`
    },
  })
  return turndown
    .turndown(html)
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** A link that leads somewhere: not to a place on the same page, and to nothing that runs. */
function webUrl(reference: string | null, base: string): string | undefined {
  if (reference === null || reference.trim().startsWith('#') || !URL.canParse(reference, base)) return undefined
  const url = new URL(reference, base)
  const isOfWeb = url.protocol === 'https:' || url.protocol === 'http:' || url.protocol === 'mailto:'
  return isOfWeb ? url.href.replace(/\(/g, '%28').replace(/\)/g, '%29') : undefined
}
