import type { ExportedMessage } from '../protocol/session-export.ts'
import type { ExportSource } from './export.ts'

/**
 * A session to be read by people. What was said stands in quotes, so that no Markdown and no HTML in it can reach out of
 * its place, nor look like the words of somebody else.
 */
export async function* writeMarkdown({ whole, exportedAt, epochs }: ExportSource): AsyncGenerator<string, void> {
  const { session } = whole
  yield `# ${plain(session.title ?? 'Conversation')}\n\n${factsOf(whole, exportedAt).join('\n')}\n`
  if (session.memorySummary) yield `\n**Summary of what came first:**\n\n${quoted(session.memorySummary)}\n`
  let messageCount = 0
  for await (const { epoch, pages } of epochs) {
    if (session.epoch > 1) yield `\n## Epoch ${epoch}${epoch === session.epoch ? ', the current one' : ''}\n`
    const toolNames = new Map<string, string>()
    for await (const messages of pages) {
      messageCount += messages.length
      yield messages.map(message => writeMessage(message, toolNames)).join('')
    }
  }
  if (messageCount === 0) yield '\nNothing was said.\n'
}

function factsOf({ session }: ExportSource['whole'], exportedAt: number): string[] {
  const { senderName, senderId, forkedFrom } = session
  const sender = senderName === null ? plain(senderId) : `${plain(senderName)} (${plain(senderId)})`
  return [
    `- Session: ${plain(session.id)}`,
    `- Sender: ${sender}`,
    `- Channel: ${plain(session.channel)}`,
    ...(session.model === null ? [] : [`- Model: ${plain(session.model)}`]),
    ...(forkedFrom === null
      ? []
      : [`- Fork of: ${plain(forkedFrom.sessionId)}, epoch ${forkedFrom.epoch}, entry ${forkedFrom.seq}`]),
    `- Begun: ${timeOf(session.createdAt)}`,
    `- Last active: ${timeOf(session.lastActiveAt)}`,
    `- Exported: ${timeOf(exportedAt)}`,
  ]
}

/** `toolNames` learns the names of calls, for the results that come later. */
function writeMessage(message: ExportedMessage, toolNames: Map<string, string>): string {
  for (const { id, name } of message.toolCalls ?? []) toolNames.set(id, name)
  const parts = [`### ${authorOf(message, toolNames)}, ${timeOf(message.timestamp)}`]
  if (message.role === 'tool') parts.push(fenced(message.content, ''))
  else if (message.content !== '') parts.push(quoted(message.content))
  for (const { name, args } of message.toolCalls ?? []) {
    parts.push(`Calls **${plain(name)}**:`, fenced(JSON.stringify(args, null, 2), 'json'))
  }
  if (message.incomplete) parts.push('*(incomplete)*')
  return `\n${parts.join('\n\n')}\n`
}

function authorOf({ role, senderName, model, toolCallId }: ExportedMessage, toolNames: Map<string, string>): string {
  switch (role) {
    case 'user':
      return senderName === undefined ? 'User' : plain(senderName)
    case 'assistant':
      return model === undefined ? 'Assistant' : `Assistant (${plain(model)})`
    case 'system':
      return 'System'
    case 'tool': {
      const name = toolCallId === undefined ? undefined : toolNames.get(toolCallId)
      return name === undefined ? 'Result of a tool' : `Result of ${plain(name)}`
    }
  }
}

/** A text inside a line: neither Markdown nor the end of the line. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]()<>#+!|~&]/g, '\\$&')
}

function quoted(text: string): string {
  return linesOf(withoutHtml(text))
    .map(line => (line === '' ? '>' : `> ${line}`))
    .join('\n')
}

/**
 * A `<` begins no HTML, but for one in a block of code, where it begins none anyway. A line may be a fence to one parser
 * and none to another, inside a list above all: after one, nothing of this text counts as code.
 */
function withoutHtml(text: string): string {
  let fence: string | undefined
  let sure = true
  const escapeLine = (line: string) => {
    if (fence !== undefined) {
      if (!line.trimStart().startsWith(fence)) return line
      sure = /^ {0,3}(`+|~+) *$/.test(line)
      fence = undefined
    } else if (sure) {
      fence = /^(?:(`{3,})[^`]*|(~{3,}).*)$/s.exec(line)?.slice(1).find(Boolean)
      if (fence !== undefined) return line.replaceAll('<', '&lt;')
      sure = !/```|~~~/.test(line)
    }
    // One that is escaped already would come free by another backslash.
    return line.replace(/(\\*)</g, (whole, { length }: string) =>
      length % 2 === 0 ? `${whole.slice(0, -1)}\\<` : whole,
    )
  }
  return linesOf(text).map(escapeLine).join('\n')
}

/** Its fence is longer than any in the text. */
function fenced(text: string, language: string): string {
  let longest = 2
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  const fence = '`'.repeat(longest + 1)
  const lines = text === '' ? [] : linesOf(text)
  return [`${fence}${language}`, ...lines, fence].join('\n')
}

/** A line ends wherever Markdown ends one. */
function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/)
}

function timeOf(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime())
    ? 'at an unknown time'
    : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
