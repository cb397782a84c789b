import type { SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'tools',
  usage: '',
  summary: 'Lists the tools that the model may use.',
  run(app) {
    const lines = app.tools.list().map(({ name, description, permission, available, reason }) => {
      const state = available ? permission : `not available: ${reason ?? 'unknown reason'}`
      return `- \`${name}\` (${state}) – ${description}`
    })
    return { text: lines.length > 0 ? lines.join('\n') : 'There are no tools.' }
  },
}
