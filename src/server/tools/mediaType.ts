/** Bytes that files of a kind begin with, as Latin-1; the offset is 0 unless it is said. */
const signatures: readonly (readonly [start: string, type: string, offset?: number])[] = [
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF8', 'image/gif'],
  ['WEBP', 'image/webp', 8],
  ['BM', 'image/bmp'],
  ['%PDF-', 'application/pdf'],
  ['PK\x03\x04', 'application/zip'],
  ['\x1f\x8b', 'application/gzip'],
  ['BZh', 'application/x-bzip2'],
  ['\xfd7zXZ\x00', 'application/x-xz'],
  ['\x28\xb5\x2f\xfd', 'application/zstd'],
  ['7z\xbc\xaf\x27\x1c', 'application/x-7z-compressed'],
  ['ustar', 'application/x-tar', 257],
  ['SQLite format 3\x00', 'application/vnd.sqlite3'],
  ['\x7fELF', 'application/x-executable'],
  ['\x00asm', 'application/wasm'],
  ['ID3', 'audio/mpeg'],
  ['OggS', 'audio/ogg'],
  ['fLaC', 'audio/flac'],
  ['WAVE', 'audio/wav', 8],
  ['ftyp', 'video/mp4', 4],
  ['\x1a\x45\xdf\xa3', 'video/webm'],
  ['wOF2', 'font/woff2'],
]

const ofText: Readonly<Record<string, string>> = {
  css: 'text/css',
  csv: 'text/csv',
  htm: 'text/html',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  jsonl: 'application/jsonl',
  md: 'text/markdown',
  mjs: 'text/javascript',
  sh: 'application/x-sh',
  sql: 'application/sql',
  svg: 'image/svg+xml',
  toml: 'application/toml',
  ts: 'text/typescript',
  tsv: 'text/tab-separated-values',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
}

const zipped: Readonly<Record<string, string>> = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  epub: 'application/epub+zip',
  jar: 'application/java-archive',
  odt: 'application/vnd.oasis.opendocument.text',
  ods: 'application/vnd.oasis.opendocument.spreadsheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
}

/** The media type of a file: by its first bytes, and for text and containers by the end of its name. */
export function guessType(name: string, start: Buffer, isText: boolean): string {
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  const head = start.subarray(0, 512).toString('latin1')
  const found = signatures.find(([bytes, , offset = 0]) => head.startsWith(bytes, offset))?.[1]
  // Text may begin with any letters.
  if (isText && found !== 'application/pdf') return ownOf(ofText, extension) ?? 'text/plain'
  if (found === 'application/zip') return ownOf(zipped, extension) ?? found
  return found ?? 'application/octet-stream'
}

function ownOf(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
