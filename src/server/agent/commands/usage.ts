import type { SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'usage',
  usage: '',
  summary: 'Shows the tokens that this session has used.',
  async run(app, { session }) {
    const { runs, inputTokens, outputTokens, totalTokens } = await app.store.sessionUsage(session.id)
    return { text: `${runs} answers, ${totalTokens} tokens: ${inputTokens} in, ${outputTokens} out.` }
  },
}
