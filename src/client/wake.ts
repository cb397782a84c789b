/** Calls back when a browser's network returns or its page is looked at again; does nothing in Node. */
export function onWake(wake: () => void): () => void {
  const page = globalThis.document
  const onVisible = () => {
    if (page.visibilityState === 'visible') wake()
  }
  globalThis.addEventListener?.('online', wake)
  page?.addEventListener('visibilitychange', onVisible)
  return () => {
    globalThis.removeEventListener?.('online', wake)
    page?.removeEventListener('visibilitychange', onVisible)
  }
}
