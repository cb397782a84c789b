import { useEffect, useState } from 'preact/hooks'

/** False on the server and until the browser took over: a control that needs JavaScript stays disabled so long. */
export function useHydrated(): boolean {
  const [hydrated, setHydrated] = useState(false)
  useEffect(() => setHydrated(true), [])
  return hydrated
}
