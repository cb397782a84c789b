import { protocolVersion } from '../../protocol/version.ts'

/** A call of a tool, as somebody would make it from elsewhere. */
export interface ToolRequest {
  toolName: string
  args: Record<string, unknown>
  sessionId: string | undefined
}

/** The call as a frame of the WebSocket. The id is one of the sender's own choice. */
export function frameOf({ toolName, args, sessionId }: ToolRequest): string {
  const payload = { toolName, args, ...(sessionId !== undefined && { sessionId }) }
  return JSON.stringify({ id: 'my-request-1', type: 'tools.invoke', version: protocolVersion, payload }, null, 2)
}

/** The call as a line for a POSIX shell. The token stays in a variable: nothing that is copied holds a secret. */
export function curlOf({ toolName, args, sessionId }: ToolRequest, origin: string): string {
  const body = JSON.stringify({ args, ...(sessionId !== undefined && { sessionId }) })
  return [
    `curl ${quoted(`${origin}/api/v1/tools/${encodeURIComponent(toolName)}`)}`,
    '  -H "Authorization: Bearer $TALON_TOKEN"',
    "  -H 'Content-Type: application/json'",
    `  --data-raw ${quoted(body)}`,
  ].join(' \\\n')
}

/** Nothing in single quotes means anything to a shell but the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
