import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toolSchema } from '../../../src/protocol/shapes.ts'
import { ConfigError } from '../../../src/server/config.ts'
import { workbench } from './workbench.ts'

test('the tools are the files of the folder, sorted, with JSON Schema of their arguments', async () => {
  await using bench = await workbench()
  const tools = bench.tools.list()
  const files = readdirSync(join(import.meta.dirname, '../../../src/server/tools')).filter(
    name => name.includes('_') || name === 'calculate.ts' || name === 'delegate.ts',
  )
  expect(tools.map(tool => `${tool.name}.ts`)).toEqual(files.sort())
  for (const tool of tools) {
    expect(toolSchema.parse(tool)).toEqual(tool)
    expect(tool).toMatchObject({ available: expect.any(Boolean), parameters: { type: 'object' } })
  }
})

test('the parameters keep the names of v0.3.3, and only the needed ones are required', async () => {
  await using bench = await workbench()
  const shapes = Object.fromEntries(
    bench.tools
      .list()
      .map(({ name, parameters }) => [
        name,
        { all: Object.keys(parameters.properties ?? {}), required: parameters.required },
      ]),
  )
  expect(shapes).toMatchObject({
    file_read: { all: ['path', 'startLine', 'endLine'], required: ['path'] },
    file_list: { all: ['path', 'recursive', 'pattern'], required: ['path'] },
    file_write: { all: ['path', 'content', 'append'], required: ['path', 'content'] },
    file_search: { all: ['path', 'query', 'regex', 'filePattern', 'caseSensitive'], required: ['path', 'query'] },
    shell_execute: { all: ['command', 'cwd', 'timeout'], required: ['command'] },
  })
})

test('every example of a tool is accepted by it', async () => {
  await using bench = await workbench()
  for (const { name, parameters } of bench.tools.list()) {
    // `examples` is what defineTool put there.
    const [example] = parameters.examples as Record<string, unknown>[]
    expect((await bench.run(name, example ?? {}, { dryRun: true })).code).not.toBe('INVALID_MESSAGE')
  }
})

test.each(['.', '..', '/'])('a workspace %s that holds the data folder is refused', async workspace => {
  await expect(workbench({ config: { 'tools.workspace': workspace } })).rejects.toThrow(ConfigError)
})

test('a workspace beside the data folder that begins with the same name is fine', async () => {
  await using bench = await workbench()
  const beside = `${bench.home}-files`
  mkdirSync(beside)
  await using _ = { [Symbol.asyncDispose]: async () => rmSync(beside, { recursive: true }) }
  await using other = await workbench({ config: { 'tools.workspace': beside } })
  expect((await other.run('file_list', { path: '.' })).output).toBe('. is empty.')
})

test('a workspace that is missing is made for its owner alone', async () => {
  await using bench = await workbench({ config: { 'tools.workspace': 'files/here' } })
  expect((await bench.run('file_list', { path: '.' })).success).toBe(true)
  expect(statSync(join(bench.home, 'files/here')).mode & 0o777).toBe(0o700)
})
