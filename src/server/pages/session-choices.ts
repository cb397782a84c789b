import { shortId } from '../../islands/parts/SessionRow.tsx'
import type { App } from '../record.ts'

const count = 30

export interface SessionChoice {
  id: string
  name: string
}

/** The newest sessions, and the one that is chosen if it is none of these. */
export async function sessionChoices(app: App, chosen: string | undefined): Promise<SessionChoice[]> {
  const { sessions } = await app.store.listSessions({ limit: count })
  const nameOf = ({ id, title }: { id: string; title: string | null }): SessionChoice => ({
    id,
    name: title || `Untitled ${shortId(id)}`,
  })
  const listed = sessions.map(nameOf)
  if (chosen === undefined || listed.some(({ id }) => id === chosen)) return listed
  const session = await app.store.getSession(chosen)
  return session ? [nameOf(session), ...listed] : listed
}
