import { hash } from 'node:crypto'
import type { Role } from '../../protocol/shapes.ts'
import type { ImportedEntry } from '../store.ts'

/** An imported entry as its row holds it, so that what is read back can be compared with what was handed in. */
export interface ImportRow {
  id: string
  spareId: string
  /** The id before the import. */
  oldId: string
  seq: number
  role: Role
  content: string
  timestamp: number
  tokenUsage: string | null
  toolCalls: string | null
  toolCallId: string | null
  final: number
  incomplete: number
  model: string | null
  senderName: string | null
  runId: string | null
  legacy: string | null
}

/** What of a row has to come back as it went in; its id is not its own to keep. */
export type Verified = Omit<ImportRow, 'id' | 'spareId'>

/** The text of a database is UTF-8, in which a lone surrogate has no place; JSON writes one as an escape. */
export function toImportRow(entry: ImportedEntry, seq: number): ImportRow {
  const id = entry.id.toWellFormed()
  return {
    id,
    spareId: entry.spareId,
    oldId: entry.legacyId?.toWellFormed() ?? id,
    seq,
    role: entry.role,
    content: entry.content.toWellFormed(),
    timestamp: entry.timestamp,
    tokenUsage: jsonOrNull(entry.usage),
    toolCalls: jsonOrNull(entry.toolCalls),
    toolCallId: entry.toolCallId?.toWellFormed() ?? null,
    final: Number(entry.final ?? false),
    incomplete: Number(entry.incomplete ?? false),
    model: entry.model?.toWellFormed() ?? null,
    senderName: entry.senderName?.toWellFormed() ?? null,
    runId: entry.runId?.toWellFormed() ?? null,
    legacy: jsonOrNull(entry.legacy),
  }
}

/** SHA-256 over a row and the hash of all before it, so that a log can be checked in steps. */
export function chainHash(previous: string, row: Verified): string {
  const { oldId, seq, role, content, timestamp, tokenUsage, toolCalls, toolCallId } = row
  const { final, incomplete, model, senderName, runId, legacy } = row
  const fields = [oldId, seq, role, content, timestamp, tokenUsage, toolCalls, toolCallId]
  return hash('sha256', previous + JSON.stringify([...fields, final, incomplete, model, senderName, runId, legacy]))
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
