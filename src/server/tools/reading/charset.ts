/** How far into a document its own word about its encoding is looked for; browsers take 1,024 bytes. */
const headBytes = 4_096

/** Bytes as text: by their byte order mark, else by the header, else by what the document says, else by what they look like. */
export function decode(bytes: Uint8Array, contentType: string | undefined): string {
  const label = markOf(bytes) ?? headerOf(contentType) ?? declaredIn(bytes)
  const decoder = label === undefined ? undefined : decoderOf(label)
  return decoder?.decode(bytes) ?? asUtf8(bytes) ?? new TextDecoder('windows-1252').decode(bytes)
}

/** Undefined if it is something else. A body that was cut may end inside a character, which is no reason to think so. */
function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return undefined
  }
}

function markOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8'
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

function headerOf(contentType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*["']?([\w:.-]{1,40})/i.exec(contentType ?? '')?.[1]
}

function declaredIn(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, headBytes)).toString('latin1')
  const declared = /<meta\s[^>]{0,200}?charset\s{0,5}=\s{0,5}["']?([\w:.-]{1,40})/i.exec(head)?.[1]
  const found = declared ?? /^\s{0,100}<\?xml\s[^>]{0,200}?encoding\s{0,5}=\s{0,5}["']([\w:.-]{1,40})/i.exec(head)?.[1]
  // Whoever wrote it in bytes of ASCII cannot have meant UTF-16, as the standard of HTML says too.
  return found?.toLowerCase().startsWith('utf-16') ? 'utf-8' : found
}

function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label)
  } catch {
    return undefined // No encoding that anybody knows.
  }
}
