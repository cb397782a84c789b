import { getDocumentProxy } from 'unpdf'

const maxPages = 200

export interface PdfText {
  title: string | undefined
  text: string
  notes: string[]
}

/** The text of a PDF with a mark at each page, until there is enough of it. @throws Error for what is no PDF */
export async function readPdf(bytes: Uint8Array, maxChars: number): Promise<PdfText> {
  const pdf = await getDocumentProxy(bytes, { verbosity: 0, stopAtErrors: false })
  const { info } = await pdf.getMetadata().catch(() => ({ info: {} }))
  const pages: string[] = []
  let chars = 0
  let found = 0
  for (let number = 1; number <= Math.min(pdf.numPages, maxPages) && chars < maxChars; number++) {
    const page = await pdf.getPage(number)
    const { items } = await page.getTextContent()
    const text = items
      .map(item => ('str' in item ? `${item.str}${item.hasEOL ? '\n' : ''}` : ''))
      .join('')
      .trim()
    pages.push(`[Page ${number} of ${pdf.numPages}]\n${text}`)
    found += text.length
    chars += text.length
  }
  const notes = found === 0 ? ['The PDF holds no text; its pages may be pictures.'] : []
  if (pages.length < pdf.numPages) notes.push(`${pages.length} of ${pdf.numPages} pages were read.`)
  return { title: titleIn(info), text: found === 0 ? '' : pages.join('\n\n'), notes }
}

function titleIn(info: object): string | undefined {
  return 'Title' in info && typeof info.Title === 'string' && info.Title.trim() !== '' ? info.Title.trim() : undefined
}
