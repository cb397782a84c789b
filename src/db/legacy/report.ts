/** What became of one old session. */
export interface FileReport {
  /** Relative to the old folder. */
  file: string
  /**
   * `imported` now; `grown`: what a file had more than at its first import was imported now; `known`: everything in it
   * was imported before; `changed`: it is not what was imported before, and nothing was imported; `failed`.
   */
  outcome: 'imported' | 'grown' | 'known' | 'changed' | 'failed'
  /** The session that it is here. */
  sessionId: string | null
  messagesRead: number
  messagesStored: number
  warnings: string[]
  /** Why nothing was imported, where that was not wanted. */
  error?: string
}

export interface ImportReport {
  folder: string
  dryRun: boolean
  files: FileReport[]
  totals: {
    files: number
    sessions: number
    messagesRead: number
    messagesStored: number
    warnings: number
    failed: number
  }
}

export interface ImportProgress {
  /** A database counts as one, though each of its sessions is done by itself. */
  files: number
  filesDone: number
  bytes: number
  bytesDone: number
  messages: number
}

// A file can be wrong in every message.
const maxWarnings = 50
const maxWarningLength = 500

/** Sentences about one file, the first of many. */
export function createWarnings(): { add(sentence: string): void; list(): string[] } {
  const sentences: string[] = []
  let more = 0
  return {
    add(sentence) {
      if (sentences.length < maxWarnings) sentences.push(sentence.slice(0, maxWarningLength))
      else more += 1
    },
    list: () => (more === 0 ? [...sentences] : [...sentences, `There are ${more} more of this kind.`]),
  }
}

export function totalsOf(files: readonly FileReport[]): ImportReport['totals'] {
  const sum = (of: (file: FileReport) => number) => files.reduce((total, file) => total + of(file), 0)
  return {
    files: files.length,
    sessions: sum(({ outcome }) => Number(outcome === 'imported' || outcome === 'grown')),
    messagesRead: sum(({ messagesRead }) => messagesRead),
    messagesStored: sum(({ messagesStored }) => messagesStored),
    warnings: sum(({ warnings }) => warnings.length),
    failed: sum(({ outcome }) => Number(outcome === 'failed' || outcome === 'changed')),
  }
}
