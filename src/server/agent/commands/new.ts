import { inheritedProfile } from '../../profiles.ts'
import type { SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'new',
  usage: '',
  summary: 'Starts another session for the same sender and channel.',
  async run(app, { session: { senderId, channel, senderName, model, profile } }) {
    const { session } = await app.store.createSession({
      id: `sess_${app.newId()}`,
      senderId,
      channel,
      senderName: senderName ?? undefined,
      model: model ?? undefined,
      profile: inheritedProfile(app, profile),
      at: app.clock.now(),
    })
    return { text: `A new session is ready: ${session.id}` }
  },
}
