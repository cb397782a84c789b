import type { Change, Commands } from '../store.ts'
import type { Connection } from './open.ts'

/** What a command did: its answer, and what others must be told of once it is committed. */
export interface Outcome<Result> {
  result: Result
  changes: Change[]
}

/** A command inside the transaction that someone else has begun. It may throw: then only its own writes are undone. */
export type Command<Input, Result> = (connection: Connection, input: Input) => Outcome<Result>

export type CommandInput<Name extends keyof Commands> = Parameters<Commands[Name]>[0]
export type CommandResult<Name extends keyof Commands> = Awaited<ReturnType<Commands[Name]>>

/** The outcome of a command that answers nothing and that nobody else hears of. */
export const done: Outcome<undefined> = { result: undefined, changes: [] }
