import { TalonError } from '../../protocol/errors.ts'
import type { Priority, Task, TaskQuery } from '../store.ts'
import { readPlace, writePlace } from './cursor.ts'
import { bytesOf, chargeBytes, countPending, nextNumber } from './memory-state.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

interface TaskRow {
  id: number
  title: string
  description: string
  priority: number
  created_at: number
  completed_at: number | null
  session_id: string | null
  tainted: number
}

const taskColumns = 'id, title, description, priority, created_at, completed_at, session_id, tainted'
const rankOf: Readonly<Record<Priority, number>> = { high: 1, medium: 2, low: 3 }
const priorityOf: readonly (Priority | undefined)[] = [undefined, 'high', 'medium', 'low']

export function addTask(connection: Connection, input: CommandInput<'addTask'>): Outcome<{ id: number }> {
  const { title, description, priority, at, sessionId, tainted } = input
  const id = nextNumber(connection, 'tasks')
  chargeBytes(connection, bytesOf(title, description))
  countPending(connection, 1)
  connection
    .prepared(`INSERT INTO tasks (${taskColumns}) VALUES (?, ?, ?, ?, ?, NULL, ?, ?)`)
    .run(id, title, description, rankOf[priority], at, sessionId, Number(tainted))
  return { result: { id }, changes: [] }
}

/** @throws TalonError `NOT_FOUND` */
export function completeTask(
  connection: Connection,
  { id, at }: CommandInput<'completeTask'>,
): Outcome<{ task: Task; already: boolean }> {
  const { changes } = connection
    .prepared('UPDATE tasks SET completed_at = ? WHERE id = ? AND completed_at IS NULL')
    .run(at, id)
  if (changes === 1) countPending(connection, -1)
  const task = getTask(connection, id)
  if (!task) throw new TalonError('NOT_FOUND', `There is no task ${id}. tasks_list shows which there are.`)
  return { result: { task, already: changes === 0 }, changes: [] }
}

export function getTask(connection: Connection, id: number): Task | undefined {
  const row = connection.prepared<TaskRow>(`SELECT ${taskColumns} FROM tasks WHERE id = ?`).get(id)
  return row && toTask(row)
}

/** Pending ones first, the most urgent and then the oldest; behind them what was completed, newest first. */
export function listTasks(
  connection: Connection,
  { status, limit, cursor }: TaskQuery,
): { tasks: Task[]; nextCursor: string | null } {
  const inCompleted = cursor !== undefined && isOfCompleted(cursor)
  const wanted = limit + 1
  const pending =
    status === 'completed' || inCompleted
      ? []
      : pendingAfter(connection, cursor === undefined ? undefined : cursor, wanted)
  const rest = wanted - pending.length
  const completed =
    status === 'pending' || rest === 0 ? [] : completedAfter(connection, inCompleted ? cursor : undefined, rest)
  const rows = [...pending, ...completed]
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { tasks: page.map(toTask), nextCursor: rows.length > limit && last ? placeOf(last) : null }
}

export function forgetTask(connection: Connection, id: number): boolean {
  const row = connection.prepared<TaskRow>(`DELETE FROM tasks WHERE id = ? RETURNING ${taskColumns}`).get(id)
  if (!row) return false
  chargeBytes(connection, -bytesOf(row.title, row.description))
  if (row.completed_at === null) countPending(connection, -1)
  return true
}

function pendingAfter(connection: Connection, cursor: string | undefined, limit: number): TaskRow[] {
  const [priority, id] = cursor === undefined ? [0, 0] : readPlace(cursor, 'pending')
  return connection
    .prepared<TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE completed_at IS NULL AND (priority, id) > (?, ?)
       ORDER BY priority, id LIMIT ?`,
    )
    .all(priority, id, limit)
}

function completedAfter(connection: Connection, cursor: string | undefined, limit: number): TaskRow[] {
  const [completedAt, id] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, 0] : readPlace(cursor, 'completed')
  return connection
    .prepared<TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE completed_at IS NOT NULL AND (completed_at, id) < (?, ?)
       ORDER BY completed_at DESC, id DESC LIMIT ?`,
    )
    .all(completedAt, id, limit)
}

function placeOf({ completed_at, priority, id }: TaskRow): string {
  return completed_at === null ? writePlace('pending', priority, id) : writePlace('completed', completed_at, id)
}

function isOfCompleted(cursor: string): boolean {
  return Buffer.from(cursor, 'base64url').toString().startsWith('completed.')
}

function toTask(row: TaskRow): Task {
  const { id, title, description, session_id, created_at, completed_at, tainted } = row
  const dates = { createdAt: created_at, completedAt: completed_at }
  const priority = priorityOf[row.priority] ?? 'medium'
  return { id, title, description, priority, ...dates, sessionId: session_id, tainted: tainted === 1 }
}
