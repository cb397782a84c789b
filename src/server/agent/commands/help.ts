import { type SlashCommand, slashCommands } from '../commands.ts'

export const command: SlashCommand = {
  name: 'help',
  usage: '',
  summary: 'Shows these commands.',
  run() {
    const lines = slashCommands.map(({ name, usage, summary }) => `- \`/${name}${usage && ` ${usage}`}\` – ${summary}`)
    return {
      text: [
        'These are answered by the gateway, without a model:',
        ...lines,
        'Everything else goes to the model.',
      ].join('\n'),
    }
  },
}
