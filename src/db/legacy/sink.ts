import type { ImportedEntry, ImportedSession, ImportSource, Store } from '../store.ts'

/** Where imported sessions go. */
export interface Sink {
  /** Begins a session under this id, or another if it is taken. */
  begin(id: string): Promise<Writing>
  /** Records a source of which everything is in this session, or of which none came. */
  record(source: ImportSource, sessionId: string | null): Promise<void>
}

export interface Writing {
  sessionId: string
  add(entries: ImportedEntry[]): Promise<void>
  finish(session: ImportedSession, source: ImportSource): Promise<void>
  abandon(): Promise<void>
}

// v0.3.3 knew no epochs.
const epoch = 1

/** Into a store. */
export function storeSink(store: Store, deps: { newId: () => string; now: () => number }): Sink {
  return {
    async begin(id) {
      const { sessionId } = await store.beginImport({ id, spareId: deps.newId(), at: deps.now() })
      return {
        sessionId,
        add: entries => store.importEntries({ sessionId, epoch, entries }),
        async finish(session, source) {
          await store.finishImport({ sessionId, epoch, session, source, at: deps.now() })
        },
        abandon: () => store.abandonImport({ sessionId }),
      }
    },
    record: (source, sessionId) => store.recordImport({ source, sessionId, at: deps.now() }),
  }
}

/** Nowhere: for a run that only tells what it would do. */
export function drySink(): Sink {
  const nothing = async () => {}
  return {
    begin: async sessionId => ({ sessionId, add: nothing, finish: nothing, abandon: nothing }),
    record: nothing,
  }
}
