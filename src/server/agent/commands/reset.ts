import { agentFor } from '../../actors.ts'
import type { SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'reset',
  usage: '',
  summary: 'Archives the history of this session and starts anew.',
  async run(app, { session, run }) {
    const { epoch } = await app.store.resetSession({
      sessionId: session.id,
      at: app.clock.now(),
      cut: { messageId: app.newId(), keepRunId: run.id },
      audit: app.audit.entry({ action: 'session.reset', target: session.id }, agentFor(run.tokenId)),
    })
    return { text: 'The history is archived; this session starts anew.', epoch }
  },
}
