import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

// Nearer to the end than this, a reader follows the conversation; further up, nothing moves the page but the reader.
const nearEndPx = 120

/** Keeps the page at its end while the content grows, as long as the reader is there. */
export function useStickToEnd(content: RefObject<HTMLElement | null>): { atEnd: boolean; goToEnd: () => void } {
  const follows = useRef(true)
  const [atEnd, setAtEnd] = useState(true)
  const goToEnd = () => {
    follows.current = true
    setAtEnd(true)
    scrollTo({ top: document.documentElement.scrollHeight })
  }
  useEffect(() => {
    const element = content.current
    if (!element) return
    // A link to one message wins over the end of the conversation.
    if (!location.hash) goToEnd()
    const onScroll = () => {
      follows.current = distanceToEnd() < nearEndPx
      setAtEnd(follows.current)
    }
    // Unfolding a tool's output is reading: what is unfolded must not slide away.
    const onClick = (event: MouseEvent) => {
      if (event.target instanceof Element && event.target.closest('summary')) follows.current = false
    }
    const observer = new ResizeObserver(() => {
      if (follows.current) scrollTo({ top: document.documentElement.scrollHeight })
      else setAtEnd(distanceToEnd() < nearEndPx)
    })
    observer.observe(element)
    addEventListener('scroll', onScroll, { passive: true })
    element.addEventListener('click', onClick, { capture: true })
    return () => {
      observer.disconnect()
      removeEventListener('scroll', onScroll)
      element.removeEventListener('click', onClick, { capture: true })
    }
  }, [content])
  return { atEnd, goToEnd }
}

function distanceToEnd(): number {
  const { scrollHeight, clientHeight } = document.documentElement
  return scrollHeight - clientHeight - scrollY
}
