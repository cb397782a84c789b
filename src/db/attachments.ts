/** A file that a tool made for people. What is in it lies in the data folder, under its hash. */
export interface Attachment {
  id: string
  /** Null for a tool that was run outside of any session. */
  sessionId: string | null
  invocationId: string
  name: string
  mime: string
  bytes: number
  /** In hex. */
  sha256: string
  createdAt: number
}

/** What attachments may take; the oldest beyond it go. */
export interface AttachmentBounds {
  sessionBytes: number
  totalBytes: number
}

export interface AttachmentCommands {
  /** Its file has to be on disk before. What goes for it is removed with it; `removed` are the hashes of that. */
  addAttachment(input: Attachment & { bounds: AttachmentBounds }): Promise<{ removed: string[] }>
  /** Removes a part of what was made before this time; `more` if there is more of it. */
  pruneAttachments(input: { before: number }): Promise<{ removed: number; more: boolean }>
}

export interface AttachmentQueries {
  /** Undefined also where its session is deleted. */
  getAttachment(id: string): Promise<Attachment | undefined>
  /** Newest first; all of a session, which are bounded. */
  listAttachments(sessionId: string): Promise<Attachment[]>
  /** Those of these hashes that a row names. */
  keptContents(hashes: readonly string[]): Promise<string[]>
}
