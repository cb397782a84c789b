import { effect, type Signal, signal } from '@preact/signals'
import type { Profile, Session } from '../../protocol/shapes.ts'
import { gateway, isOpen } from '../connection.ts'

/** What is known of a session beside what was said in it. */
export interface About {
  title: string | null
  model: string | null
  /** How much tools may do; null for what the settings say. */
  profile: Profile | null
  /** Whether text of others is in it. */
  tainted: boolean
  /** Unix ms until which tools may do everything; null if they may not. */
  elevatedUntil: number | null
}

export function createAbout(start: About): Signal<About> {
  return signal(start)
}

export function aboutOf({ title, model, profile, tainted }: Session): Omit<About, 'elevatedUntil'> {
  return { title, model, profile, tainted }
}

/** Keeps it true, whoever changes it; returns the way to stop. */
export function followAbout(sessionId: string, about: Signal<About>): () => void {
  const client = gateway()
  const read = async () => {
    // What could not be read stays as it is; the next connection reads it again.
    const { session } = (await client.request('session.get', { sessionId }).catch(() => undefined)) ?? {}
    if (session) about.value = { ...aboutOf(session), elevatedUntil: session.elevatedUntil }
  }
  // Nobody is told of rights for a time; whoever comes back to this tab sees them.
  const onVisible = () => {
    if (!document.hidden) read()
  }
  document.addEventListener('visibilitychange', onVisible)
  const stops = [
    effect(() => {
      if (!isOpen.value) return
      client.request('session.list', { limit: 1, watch: true }).catch(() => undefined)
      read()
    }),
    client.on('session.updated', ({ session }) => {
      if (session.id === sessionId) about.value = { ...about.peek(), ...aboutOf(session) }
    }),
  ]
  return () => {
    document.removeEventListener('visibilitychange', onVisible)
    for (const stop of stops) stop()
  }
}

/** Changes title, model and profile as the form says. @throws TalonClientError */
export async function update(sessionId: string, about: Signal<About>, form: FormData): Promise<void> {
  const text = (name: string) => String(form.get(name) ?? '').trim() || null
  const { title, model, profile } = about.peek()
  const wanted = { title: text('title'), model: text('model'), profile: text('profile') as Profile | null } // One of the options.
  const { session } = await gateway().request('session.update', {
    sessionId,
    ...(wanted.title !== title && { title: wanted.title }),
    ...(wanted.model !== model && { model: wanted.model }),
    ...(wanted.profile !== profile && { profile: wanted.profile }),
  })
  about.value = { ...about.peek(), ...aboutOf(session) }
}

/** Lets tools do everything for so many minutes; 0 ends that. @throws TalonClientError */
export async function elevate(sessionId: string, about: Signal<About>, minutes: number): Promise<void> {
  const { elevatedUntil } = await gateway().request('session.elevate', { sessionId, minutes })
  about.value = { ...about.peek(), elevatedUntil }
}
