import { gatewayStatus } from '../../status.ts'
import { modelInUse, type SlashCommand } from '../commands.ts'

export const command: SlashCommand = {
  name: 'status',
  usage: '',
  summary: 'Shows how the gateway and this session are.',
  async run(app, { session }) {
    const { status, version, uptime, stats } = await gatewayStatus(app)
    const lines = [
      `- Gateway: ${status}, Talon ${version}, up ${uptime} s`,
      `- Sessions: ${stats.sessions}, messages: ${stats.totalMessages}, connections: ${stats.wsClients}`,
      `- This session: \`${session.id}\`, ${session.messageCount} messages, model ${session.model ?? modelInUse(app)}`,
    ]
    return { text: lines.join('\n') }
  },
}
