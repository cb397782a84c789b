import { useEffect, useState } from 'preact/hooks'
import { say } from './notices.ts'

/**
 * A module that is loaded once it is wanted, undefined until it is there: for what no server renders, so that a page without it
 * is not heavier for it.
 */
export function useLoaded<Module>(load: () => Promise<Module>, isWanted: boolean): Module | undefined {
  const [module, setModule] = useState<Module | undefined>(undefined)
  useEffect(() => {
    if (!isWanted || module) return
    load().then(
      found => setModule(() => found),
      () => say('A part of this page could not be loaded. Load the page again.', { tone: 'danger' }),
    )
  }, [load, isWanted, module])
  return module
}
