import type { JSX } from 'preact'
import { dismiss, type Notice, notices, say } from './parts/notices.ts'

/** The notices of this page, in a region that a screen reader follows. */
export default function Notices(): JSX.Element {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(notice => (
        <NoticeCard key={notice.id} notice={notice} />
      ))}
    </div>
  )
}

function NoticeCard({ notice }: { notice: Notice }): JSX.Element {
  const { id, text, tone, undo, link } = notice
  const takeBack = async () => {
    dismiss(id)
    try {
      await undo?.()
    } catch (error) {
      say(`That could not be undone. ${error instanceof Error ? error.message : ''}`, { tone: 'danger' })
    }
  }
  return (
    <div class={`notice ${tone === 'danger' ? 'notice-danger' : ''}`}>
      <span class="min-w-0 flex-1 break-words">{text}</span>
      {undo && (
        <button type="button" class="button" onClick={takeBack}>
          Undo
        </button>
      )}
      {link && (
        <a class="button" href={link.href}>
          {link.label}
        </a>
      )}
      <button type="button" class="button button-quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
        ×
      </button>
    </div>
  )
}
