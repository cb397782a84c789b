import type { Source } from './source.ts'

/** The sources that are imported at this moment: of two with the same content one waits for the other. */
export interface UnderWay {
  /** Resolves when nothing of this content is under way that began before; the returned function ends it. */
  begin(source: Source): Promise<() => void>
}

interface Begun {
  source: Source
  ended: Promise<void>
}

/** Only what has the same size is read for its hash; as many are held as are imported at once. */
export function createUnderWay(): UnderWay {
  const bySize = new Map<number, Set<Begun>>()
  return {
    async begin(source) {
      const sizeBytes = await source.sizeBytes()
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      const alike = bySize.get(sizeBytes) ?? new Set()
      bySize.set(sizeBytes, alike)
      const earlier = [...alike]
      const begun = { source, ended }
      alike.add(begun)
      const end = () => {
        alike.delete(begun)
        if (alike.size === 0) bySize.delete(sizeBytes)
        resolve()
      }
      try {
        for (const other of earlier) if (await isSame(other.source, source)) await other.ended
      } catch (thrown) {
        end()
        throw thrown
      }
      return end
    },
  }
}

/** @throws Error if the second cannot be read; that the first cannot is its own matter. */
async function isSame(earlier: Source, source: Source): Promise<boolean> {
  const sha256 = await source.sha256()
  return (await earlier.sha256().catch(() => undefined)) === sha256
}
