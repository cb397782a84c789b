import { expect, test } from 'vitest'
import * as z from 'zod'
import { createTools } from '../../../src/server/tools/registry.ts'
import { defineTool, type ToolContext } from '../../../src/server/tools/tool.ts'
import { testGateway } from '../../support/gateway.ts'

type Work = (context: ToolContext) => Promise<{ output: string }>

/** A gateway with a tool that does this, and a call of it that has begun. */
async function atWork(work: Work) {
  const gateway = await testGateway()
  const begun = Promise.withResolvers<void>()
  const tool = defineTool({
    name: 'test_tool',
    description: 'Works.',
    group: 'test',
    permission: 'safe',
    schema: z.strictObject({}),
    example: {},
    run(_args, context) {
      begun.resolve()
      return work(context)
    },
  })
  gateway.app.tools = createTools(gateway.app, [tool])
  const answer = gateway.client().request('tools.invoke', { toolName: 'test_tool', args: {} })
  await begun.promise
  return { gateway, answer }
}

test('a gateway that stops lets a tool that a program called end, and answers it', async () => {
  const gate = Promise.withResolvers<void>()
  const { gateway, answer } = await atWork(async () => {
    await gate.promise
    return { output: 'Whole.' }
  })
  const stopped = gateway.stop()
  gate.resolve()
  expect(await answer).toMatchObject({ success: true, output: 'Whole.' })
  await stopped
})

test('and ends one that takes too long, which is answered and recorded all the same', async () => {
  const { gateway, answer } = await atWork(({ signal }) => {
    const { promise, reject } = Promise.withResolvers<{ output: string }>()
    signal.addEventListener('abort', () => reject(signal.reason))
    return promise
  })
  await gateway.app.tools.stop(0)
  expect(await answer).toMatchObject({ success: false, code: 'INTERRUPTED', error: 'The gateway stopped.' })
  await gateway.stop()
})
