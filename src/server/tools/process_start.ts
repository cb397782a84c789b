import * as z from 'zod'
import { commandParameters, shellArgv, whyNoShell, workingFolder, wouldRun } from './commandLine.ts'
import { ownerOf } from './processes.ts'
import { describeProcess } from './processText.ts'
import { defineTool } from './tool.ts'

/** Time in which a process that fails at once shows so in the answer. */
const firstLookMs = 300

const schema = z.strictObject({
  ...commandParameters,
  name: z.string().min(1).max(60).optional().describe('What it is called in the list of processes.'),
})

export default defineTool({
  name: 'process_start',
  description:
    'Starts a command in the workspace that goes on running, such as a server, and returns its id. It ends with the session, or by process_stop.',
  group: 'shell',
  permission: 'exec',
  schema,
  example: { command: 'python3 -m http.server 8000', name: 'server' },
  taints: true,
  available: whyNoShell,
  dryRun: (args, context) => wouldRun(args.command, args.cwd, context),
  async run(args, context) {
    const { processes, config, signal } = context
    const folder = await workingFolder(args.cwd, context)
    await context.sandbox.probe()
    signal.throwIfAborted()
    const owner = ownerOf(context)
    const { id } = processes.start(owner, {
      command: args.command,
      argv: shellArgv(args.command),
      cwd: folder.path,
      folder: folder.shown,
      name: args.name,
      network: config['sandbox.network'],
    })
    return describeProcess(await processes.output(owner, id, { since: 0, waitMs: firstLookMs, signal }))
  },
})
