import type { JSX } from 'preact'
import type { Attachment } from '../conversation/live.ts'
import { sizeOf } from '../tools/words.ts'

const pictures: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])

/** Files that tools made for people: pictures are shown, everything is a link. */
export function Files({ files }: { files: readonly Attachment[] }): JSX.Element {
  return (
    <ul class="files">
      {files.map(({ id, name, mime, bytes }) => {
        const address = `/api/v1/attachments/${encodeURIComponent(id)}`
        return (
          <li key={id}>
            <a class="file" href={address} target="_blank" rel="noopener">
              {pictures.has(mime) && (
                <img class="picture" src={address} alt={`Made by a tool: ${name}`} loading="lazy" />
              )}
              <span class="truncate">{name}</span>
              <span class="text-muted whitespace-nowrap">{sizeOf(bytes)}</span>
            </a>
          </li>
        )
      })}
    </ul>
  )
}
