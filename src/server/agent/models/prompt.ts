import type { ModelMessage, ModelRequest, ModelTool } from '../model.ts'
import type { CallOptions } from './provider.ts'

type Prompt = CallOptions['prompt']
type AssistantContent = Extract<Prompt[number], { role: 'assistant' }>['content']

/** Stands for an empty text, which several providers refuse. */
const noText = '(no text)'

/** The context in the SDK's form: the system prompt first, then every message that says something. */
export function promptOf({ system, messages }: Pick<ModelRequest, 'system' | 'messages'>): Prompt {
  const firstOther = messages.findIndex(message => message.role !== 'system')
  const conversationAt = firstOther === -1 ? messages.length : firstOther
  const systemText = [system, ...messages.slice(0, conversationAt).map(message => message.content)]
    .filter(text => text !== '')
    .join('\n\n')
  const opening: Prompt = systemText === '' ? [] : [{ role: 'system', content: systemText }]
  return [...opening, ...messages.slice(conversationAt).flatMap(entryOf)]
}

/** The tools as the SDK takes them; the model may call any or none. */
export function toolsOf(tools: readonly ModelTool[]): Pick<CallOptions, 'tools' | 'toolChoice'> {
  if (tools.length === 0) return {}
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      type: 'function',
      name,
      description,
      inputSchema: parameters,
    })),
    toolChoice: { type: 'auto' },
  }
}

function entryOf(message: ModelMessage): Prompt {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: [{ type: 'text', text: message.content || noText }] }]
    case 'system':
      // Chat templates of local models and Anthropic refuse a system message in the middle of a conversation.
      return [{ role: 'user', content: [{ type: 'text', text: `System note: ${message.content || noText}` }] }]
    case 'assistant':
      return assistantEntryOf(message)
    case 'tool': {
      const output = { type: message.success ? 'text' : 'error-text', value: message.content || noText } as const
      const { toolCallId, toolName } = message
      return [{ role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output }] }]
    }
  }
}

function assistantEntryOf(message: Extract<ModelMessage, { role: 'assistant' }>): Prompt {
  const content: AssistantContent = []
  if (message.content !== '') content.push({ type: 'text', text: message.content })
  for (const { id, name, args } of message.toolCalls ?? []) {
    content.push({ type: 'tool-call', toolCallId: id, toolName: name, input: args })
  }
  return content.length === 0 ? [] : [{ role: 'assistant', content }]
}
