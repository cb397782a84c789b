/** A piece of an old session, in the order in which it stands in its source. */
export type Piece =
  | { kind: 'member'; key: string; value: unknown }
  | Message
  /** Something that could not be read; a sentence that says what and where. */
  | { kind: 'lost'; warning: string }
  /** The same of a message, which counts as one. `cut` if the source ends in it. */
  | { kind: 'lost message'; warning: string; cut?: true }

interface Message {
  kind: 'message'
  value: unknown
  /** As it stands in the source. */
  text: string
  /** The source ends in it. */
  cut?: true
}

/** One old session that can be read, once or more often. */
export interface Source {
  /** Relative to the old folder. */
  name: string
  /** What the session is called if it does not say so itself. */
  sessionId: string
  /** Of what is read of it. */
  sizeBytes(): Promise<number>
  modifiedAt: number
  /** Of its bytes, hex. */
  sha256(): Promise<string>
  /** Its pieces, some at a time. @throws OldFileError if there is no session in it. */
  read(): AsyncIterable<readonly Piece[]>
}

/** Why a file holds nothing that could be imported: a sentence for whoever imports. */
export class OldFileError extends Error {}
