import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { withFile } from './spot.ts'
import { readAll } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'

const maxFileBytes = 20 * 1_048_576
const maxQueryLength = 4_000

const schema = z.strictObject({
  json: z.string().max(maxFileBytes).optional().describe('The document as text; or name a file by path.'),
  path: z.string().max(4_096).optional().describe('A JSON file in the workspace, of at most 20 MiB.'),
  query: z
    .string()
    .min(1)
    .max(maxQueryLength)
    .describe('An expression of JMESPath, such as "items[?price > `5`].name | sort(@)"; numbers stand in backticks.'),
})

type Args = z.output<typeof schema>

export default defineTool({
  name: 'json_query',
  description: 'Takes parts out of a JSON document, or reshapes it, by an expression of JMESPath.',
  group: 'data',
  permission: 'safe',
  taints: true,
  schema,
  example: { json: '{"items": [{"name": "pen", "price": 2}]}', query: 'items[?price < `5`].name' },
  dryRun: async (args, context) => {
    if (oneOf(args) === 'json') return `Would query ${args.json?.length} characters of JSON.`
    return await withFile(args.path ?? '', context, async (_, shown) => `Would query ${shown}.`)
  },
  run: async (args, context) => {
    const { compute, signal, maxOutputBytes: maxChars } = context
    const source = oneOf(args)
    const json = source === 'json' ? (args.json ?? '') : await bytesOf(args.path ?? '', context)
    const output = await compute.run({ name: 'query', json, query: args.query, maxChars }, signal)
    return { output, taints: source === 'path' }
  },
})

function oneOf({ json, path }: Args): 'json' | 'path' {
  if ((json === undefined) === (path === undefined)) {
    throw new TalonError('INVALID_MESSAGE', 'Give the document either as "json" or by its "path".')
  }
  return json === undefined ? 'path' : 'json'
}

function bytesOf(path: string, context: ToolContext): Promise<Buffer> {
  return withFile(path, context, async (handle, shown) => {
    const bytes = await readAll(handle, maxFileBytes, context.signal)
    if (bytes) return bytes
    const advice = 'Cut it with a command of the shell first.'
    throw new TalonError('TOO_LARGE', `${JSON.stringify(shown)} has more than ${maxFileBytes} bytes. ${advice}`)
  })
}
