import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

/** A modal dialog of the browser: it traps the focus, Escape closes it, and the focus returns to where it was. */
export function Dialog(input: {
  open: boolean
  title: string
  onClose: () => void
  children: ComponentChildren
}): JSX.Element {
  const { open, title, onClose, children } = input
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    if (open) element.current?.showModal()
    else element.current?.close()
  }, [open])
  return (
    <dialog ref={element} class="dialog" aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId} class="text-lg font-semibold">
        {title}
      </h2>
      {open && children}
    </dialog>
  )
}
