import { modelInUse, type SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'model',
  usage: '<name>',
  summary: 'Changes the model of this session, or lists the models.',
  async run(app, { session, args }) {
    const known = app.models.list().map(name => `- \`${name}\``)
    const current = session.model ?? modelInUse(app)
    if (args === '') return { text: [`This session uses \`${current}\`. There are:`, ...known].join('\n') }
    if (!app.models.find(args))
      return { text: [`There is no model \`${args.slice(0, 100)}\`. There are:`, ...known].join('\n') }
    await app.store.updateSession({ sessionId: session.id, model: args })
    return { text: `This session now uses \`${args}\`.` }
  },
}
