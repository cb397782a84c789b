import { type ExportedSession, exportFormat, exportVersion } from '../protocol/session-export.ts'
import type { ExportSource } from './export.ts'

/** The whole session as JSON that can be imported again; each message has a line of its own. */
export async function* writeJson({ whole, exportedAt, epochs }: ExportSource): AsyncGenerator<string, void> {
  const { groupId, summaryThroughSeq, usage, legacy } = whole
  // What tools may do is decided where it is imported, where all of it is text of others.
  const { profile: _rights, tainted: _here, ...session } = whole.session
  const exported: ExportedSession = { ...session, groupId, summaryThroughSeq, usage, legacy }
  const head = { format: exportFormat, version: exportVersion, exportedAt, session: exported }
  yield `${JSON.stringify(head).slice(0, -1)},\n"epochs":[`
  let isFirstEpoch = true
  for await (const { epoch, pages } of epochs) {
    yield `${isFirstEpoch ? '' : ','}\n{"epoch":${epoch},"messages":[`
    isFirstEpoch = false
    let separator = '\n'
    for await (const messages of pages) {
      yield separator + messages.map(message => JSON.stringify(message)).join(',\n')
      separator = ',\n'
    }
    yield ']}'
  }
  yield '\n]}\n'
}
