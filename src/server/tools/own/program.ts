/**
 * What the child of an own tool runs: it loads the file that its argument names and does what standard input asks. Each
 * answer is a line that begins with a mark which the file cannot know before; all else that is written is output.
 */
export const ownToolProgram = `
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
const order = JSON.parse(await text(process.stdin))
const write = process.stdout.write.bind(process.stdout)
const say = message => new Promise(done => write('\\n' + order.mark + JSON.stringify(message) + '\\n', done))
const wordsOf = error => (error instanceof Error ? error.message : String(error))
const end = async message => {
  await say(message)
  process.exit(0)
}
process.on('uncaughtException', error => end({ problem: wordsOf(error) }))
let tool
try {
  tool = (await import(pathToFileURL(process.argv[1]).href)).default
} catch (error) {
  await end({ problem: 'It could not be loaded: ' + wordsOf(error) })
}
if (tool === null || typeof tool !== 'object') await end({ problem: 'It has no default export.' })
if (typeof tool.run !== 'function') await end({ problem: 'Its default export has no function "run".' })
if (order.args === undefined) {
  const { name, description, permission, parameters, example, timeoutMs } = tool
  await end({ definition: { name, description, permission, parameters, example, timeoutMs } })
}
try {
  const answer = await tool.run(order.args, order.context)
  await end({ output: typeof answer === 'string' ? answer : (JSON.stringify(answer, null, 2) ?? '') })
} catch (error) {
  await end({ failure: wordsOf(error) })
}
`
