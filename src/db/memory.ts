import type { Audited } from './audit.ts'
import type { FactChange, Facts } from './facts.ts'
import type { ReadOptions } from './heavy.ts'
import type { Once, RequestKey } from './records.ts'
import type { Snippet } from './search/snippet.ts'

export type { FactChange, Facts } from './facts.ts'

/** Where something that is kept comes from. With a request it is kept once, however often that is given. */
export interface Origin {
  sessionId: string | null
  /** Whether text of others was in the conversation. */
  tainted: boolean
  at: number
  request?: RequestKey | undefined
}

export interface MemoryEntry {
  id: number
  at: number
  /** In UTC, as 2026-11-23. */
  day: string
  category: string
  text: string
  sessionId: string | null
  tainted: boolean
}

/** Newest first. */
export interface MemoryQuery {
  day?: string | undefined
  category?: string | undefined
  /** Only entries older than this one. */
  before?: number | undefined
  limit: number
  /** It ends here even below `limit`, but holds at least one entry. */
  maxChars: number
}

export interface FactsVersion {
  version: number
  at: number
  facts: Facts
  /** The keys whose values came while text of others was in the conversation. */
  taintedKeys: string[]
}

export interface PersonaVersion {
  version: number
  at: number
  content: string
  tainted: boolean
}

export interface Note {
  id: number
  title: string
  content: string
  tags: string[]
  /** 1 for the first, one more each time it is saved. */
  version: number
  updatedAt: number
  tainted: boolean
}

export type NoteItem = Omit<Note, 'content'> & { chars: number }

export type Priority = 'low' | 'medium' | 'high'

export interface Task {
  id: number
  title: string
  description: string
  priority: Priority
  createdAt: number
  /** Null while it is to be done. */
  completedAt: number | null
  sessionId: string | null
  tainted: boolean
}

/** Pending ones first, the most urgent and then the oldest; behind them what was completed, newest first. */
export interface TaskQuery {
  status: 'pending' | 'completed' | 'all'
  limit: number
  cursor?: string | undefined
}

export interface Found<T> {
  hits: (T & { snippet: Snippet })[]
  /** Whether no text held all that was looked for, and these hold some of it. */
  loose: boolean
}

export interface MemoryOverview {
  /** The newest days, and the categories with most entries; some of many. */
  days: { day: string; entries: number }[]
  categories: { category: string; entries: number; tainted: boolean }[]
}

/** What can be deleted by a person, and by what it is named. */
export type Forgettable =
  | { kind: 'memory' | 'note' | 'task'; id: number }
  | { kind: 'fact'; key: string }
  | { kind: 'persona' }

/**
 * Any of these rejects with `CONFLICT` if there are as many of a kind as there may be, `TOO_LARGE` if all texts together
 * are as long as they may be.
 */
export interface MemoryCommands {
  appendMemory(input: Origin & { text: string; category: string }): Promise<Once<{ id: number; day: string }>>
  /**
   * Merges deep; null takes a key away. Nothing is written where nothing changes. `tainted` if the changes show text of
   * others that was there before. `INVALID_MESSAGE` if it is nested too deeply, `TOO_LARGE` if it is too much.
   */
  mergeFacts(
    input: Origin & { patch: Facts },
  ): Promise<Once<{ version: number; changes: FactChange[]; tainted: boolean }>>
  /** A new version, unless it says the same. */
  savePersona(input: Origin & { content: string }): Promise<Once<{ version: number; changed: boolean }>>
  /** A title that is there already gets a new version; without tags it keeps those that it has. */
  saveNote(
    input: Origin & { title: string; content: string; tags?: readonly string[] | undefined },
  ): Promise<Once<{ id: number; version: number }>>
  addTask(input: Origin & { title: string; description: string; priority: Priority }): Promise<Once<{ id: number }>>
  /** `already` if it was completed before. `NOT_FOUND` if there is none. */
  completeTask(input: {
    id: number
    at: number
    request?: RequestKey | undefined
  }): Promise<Once<{ task: Task; already: boolean }>>
  /** Erases it, with its older versions and, of facts, those of all others; false if there is none. */
  forget(input: Audited<{ what: Forgettable }>): Promise<boolean>
  /** Notes that text of others is in the epoch of a run. */
  taintRun(input: { runId: string }): Promise<void>
}

export interface MemoryQueries {
  listMemory(query: MemoryQuery): Promise<{ entries: MemoryEntry[]; hasMore: boolean }>
  /** The newest version, or this one. */
  getFacts(version?: number): Promise<FactsVersion | undefined>
  /** What `mergeFacts` would change, with its errors. */
  foreseeFacts(patch: Facts): Promise<FactChange[]>
  getPersona(version?: number): Promise<PersonaVersion | undefined>
  getNote(id: number, version?: number): Promise<Note | undefined>
  /** What a title that is the same to `saveNote` has now. */
  findNote(title: string): Promise<Note | undefined>
  /** Newest first. `INVALID_MESSAGE` for a cursor that is not ours. */
  listNotes(query: {
    limit: number
    cursor?: string | undefined
  }): Promise<{ notes: NoteItem[]; nextCursor: string | null }>
  getTask(id: number): Promise<Task | undefined>
  /** `INVALID_MESSAGE` for a cursor that is not ours. */
  listTasks(query: TaskQuery): Promise<{ tasks: Task[]; nextCursor: string | null }>
  memoryCounts(): Promise<{ entries: number; notes: number; tasks: number; pendingTasks: number }>
}

export interface MemorySearch {
  /** As a person writes it; filters but those by date are refused with `INVALID_MESSAGE`. */
  query: string
  limit: number
}

export interface MemoryHeavyQueries {
  searchMemory(query: MemorySearch, options?: ReadOptions): Promise<Found<MemoryEntry>>
  /** Without words the newest; their content may be cut to its beginning. */
  searchNotes(
    query: MemorySearch & { tag?: string | undefined },
    options?: ReadOptions,
  ): Promise<Found<Note & { chars: number }>>
  memoryOverview(query: Record<string, never>, options?: ReadOptions): Promise<MemoryOverview>
}
