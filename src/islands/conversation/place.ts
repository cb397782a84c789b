import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Conversation } from './live.ts'
import { loadAround } from './paging.ts'

/** How far beyond the screen the next page is read, so that whoever scrolls does not have to wait. */
const aheadMargin = '1200px 0px'

/**
 * Keeps what somebody reads where it is while messages come or go above it. To be called by what renders the list: the place is
 * measured as it begins to render, and restored when the elements are there. `parts` is whatever the list was made of.
 */
export function useKeptPlace(list: RefObject<HTMLElement | null>, parts: unknown): void {
  const rendered = useRef(parts)
  const place = useRef<Place | undefined>(undefined)
  if (rendered.current !== parts) {
    rendered.current = parts
    place.current = list.current ? placeIn(list.current) : undefined
  }
  useLayoutEffect(() => {
    const kept = place.current
    place.current = undefined
    if (!kept?.element.isConnected) return
    const moved = kept.element.getBoundingClientRect().top - kept.top
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: 'instant' })
  })
}

interface Place {
  element: Element
  top: number
}

/** The first message on the screen. Their order is that of their places, so that a few looks find it. */
function placeIn(list: HTMLElement): Place | undefined {
  const { children } = list
  let [from, to] = [0, children.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((children[middle]?.getBoundingClientRect().bottom ?? 0) > 0) to = middle
    else from = middle + 1
  }
  const element = children[from]
  return element && { element, top: element.getBoundingClientRect().top }
}

/** Calls `load` whenever the element comes near the screen; `parts` as above, so that it looks again at what is left. */
export function useNear(element: RefObject<HTMLElement | null>, parts: unknown, load: () => void): void {
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    if (!element.current) return
    const observer = new IntersectionObserver(
      entries => {
        if (entries.some(entry => entry.isIntersecting)) latest.current()
      },
      { rootMargin: aheadMargin },
    )
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [element, parts])
}

/** Shows the message that the address names as `#m12`, wherever in the log it is. */
export function useTarget(conversation: Conversation): void {
  useEffect(() => {
    const go = async () => {
      const seq = targetOf(location.hash)
      if (seq === undefined) return
      if (!(await loadAround(conversation, seq))) {
        conversation.problem.value ??= `There is no message ${seq} in this session.`
        return
      }
      conversation.target.value = seq
      // Once what was loaded is in the page.
      requestAnimationFrame(() => {
        const element = document.getElementById(`m${seq}`)
        element?.scrollIntoView({ block: 'center', behavior: 'instant' })
        element?.focus({ preventScroll: true })
      })
    }
    go()
    addEventListener('hashchange', go)
    return () => removeEventListener('hashchange', go)
  }, [conversation])
}

export function targetOf(hash: string): number | undefined {
  const digits = /^#m(\d{1,15})$/.exec(hash)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
