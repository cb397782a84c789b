import { usageLines } from '../../usage-text.ts'
import type { SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'usage',
  usage: '',
  summary: 'Shows what this session has used, and how far the budgets are.',
  async run(app, { session, run }) {
    const payer = { sessionId: session.id, tokenId: run.tokenId ?? '' }
    const [used, spent, budgets] = await Promise.all([
      app.store.sessionUsage(session.id),
      app.store.sessionSpending(session.id),
      app.budgets.list(payer),
    ])
    const { runs, inputTokens, outputTokens, totalTokens } = used
    const lines = [
      `${runs} answers, ${totalTokens} tokens: ${inputTokens} in, ${outputTokens} out.`,
      ...usageLines(spent, budgets),
    ]
    return { text: lines.join('\n') }
  },
}
