import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../../src/server/config.ts'
import { whyNoSandbox } from '../../../support/sandbox.ts'
import { type Workbench, workbench } from '../workbench.ts'

const reason = await whyNoSandbox()
const patience = { timeout: 15_000 }

function declaration(name: string, more: { permission?: string; run?: string; rest?: string } = {}): string {
  const { permission = 'safe', run = 'async () => "fine"', rest = '' } = more
  return `export default { name: '${name}', description: 'A tool.', permission: '${permission}', parameters: { type: 'object', properties: { text: { type: 'string' } } }, ${rest} run: ${run} }\n`
}

/** A workbench that has these files in its folder of own tools. */
async function benchWith(files: Record<string, string>): Promise<Workbench> {
  const bench = await workbench()
  mkdirSync(join(bench.home, 'tools'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(bench.home, 'tools', name), text)
  await bench.tools.start()
  // What follows would mean nothing without walls.
  expect(bench.lines.filter(line => line.includes('full wall'))).toEqual([expect.stringContaining('"level":"full"')])
  return bench
}

function own(bench: Workbench) {
  return bench.tools
    .list()
    .filter(({ group }) => group === 'own')
    .map(({ name, available }) => ({ name, available }))
}

describe.skipIf(reason !== undefined)('own tools', () => {
  test('the example of the documentation works as it stands there', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../docs/own-tools.md'), 'utf8')
    const example = /```js\n(.*?)```/s.exec(page)?.[1] ?? ''
    expect(example.split('\n').length).toBeLessThanOrEqual(23)
    await using bench = await benchWith({ 'word_count.mjs': example })
    writeFileSync(join(bench.workspace, 'notes.txt'), 'one two\nthree\n')
    expect(await bench.run('word_count', { path: 'notes.txt' })).toMatchObject({
      success: true,
      output: '3 lines, 3 words',
    })
    expect(await bench.run('word_count', { file: 'notes.txt' })).toMatchObject({
      success: false,
      code: 'INVALID_MESSAGE',
      error: expect.stringContaining('"path"'),
    })
    const listed = bench.tools.list().find(({ name }) => name === 'word_count')
    expect(listed).toMatchObject({ group: 'own', permission: 'safe', available: true })
    expect(listed?.parameters).toMatchObject({ required: ['path'], examples: [{ path: 'notes.txt' }] })
  })

  test('a file with types works, and so does what it imports beside itself', async () => {
    const text = `import { word } from './_words.ts'
      const run = async ({ text }: { text?: string }): Promise<object> => ({ said: text ?? word })
      ${declaration('typed_tool', { run: 'run' })}`
    await using bench = await benchWith({ 'typed_tool.ts': text, '_words.ts': 'export const word: string = "beside"' })
    expect(own(bench)).toEqual([{ name: 'typed_tool', available: true }])
    expect((await bench.run('typed_tool', {})).output).toBe('{\n  "said": "beside"\n}')
  })

  test('each file that is no tool is named with what is wrong, in the list and in the log', async () => {
    await using bench = await benchWith({
      'bad_syntax.mjs': 'export default {',
      'no_default.mjs': 'export const x = 1',
      'no_run.mjs': 'export default { name: "no_run" }',
      'bad_name.mjs': declaration('BadName'),
      'bad_permission.mjs': declaration('bad_permission', { permission: 'all' }),
      'bad_parameters.mjs':
        'export default { name: "bad_parameters", description: "x", permission: "safe", parameters: { type: "string" }, run() {} }',
      'throws_early.mjs': 'throw new Error("not today")',
      'file_read.mjs': declaration('file_read'),
      'clash_two.mjs': declaration('shell_execute'),
      'good_one.mjs': declaration('good_one'),
      '.hidden_tool.mjs': declaration('hidden_tool'),
      'notes.txt': 'nothing',
    })
    const reasons = Object.fromEntries(
      bench.tools
        .list()
        .filter(({ group }) => group === 'own')
        .map(({ name, reason: why = 'fine' }) => [name, why]),
    )
    expect(reasons).toEqual({
      bad_name: expect.stringContaining('"name" must be words in lower case'),
      bad_parameters: expect.stringContaining('"parameters.type" must be "object"'),
      bad_permission: expect.stringContaining('"permission" must be "safe"'),
      bad_syntax: expect.stringContaining('It could not be loaded'),
      clash_two: expect.stringContaining('The name "shell_execute" is that of a tool of Talon.'),
      good_one: 'fine',
      no_default: expect.stringContaining('no default export'),
      no_run: expect.stringContaining('no function "run"'),
      throws_early: expect.stringContaining('not today'),
    })
    expect(bench.tools.list().find(({ name }) => name === 'file_read')?.group).toBe('files')
    for (const file of ['bad_syntax.mjs', 'file_read.mjs', 'throws_early.mjs']) {
      expect(bench.lines.find(line => line.includes('cannot be used') && line.includes(file))).toBeDefined()
    }
    expect(await bench.run('bad_name', {})).toMatchObject({ success: false })
  })

  test('the list follows the folder', async () => {
    await using bench = await benchWith({})
    const file = join(bench.home, 'tools', 'late_one.mjs')
    writeFileSync(file, declaration('late_one'))
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'late_one', available: true }])
    writeFileSync(file, 'export default 1')
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'late_one', available: false }])
    writeFileSync(file, declaration('late_two'))
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'late_two', available: true }])
    rmSync(file)
    await expect.poll(() => own(bench), patience).toEqual([])
  })

  test('the list follows the folder too where it is taken away and another put in its place', async () => {
    await using bench = await benchWith({ 'one_tool.mjs': declaration('one_tool') })
    const folder = join(bench.home, 'tools')
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'one_tool', available: true }])
    rmSync(folder, { recursive: true })
    await expect.poll(() => own(bench), patience).toEqual([])
    mkdirSync(folder)
    writeFileSync(join(folder, 'other_tool.mjs'), declaration('other_tool'))
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'other_tool', available: true }])
    renameSync(folder, `${folder}-old`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'third_tool.mjs'), declaration('third_tool'))
    await expect.poll(() => own(bench), patience).toEqual([{ name: 'third_tool', available: true }])
    writeFileSync(join(`${folder}-old`, 'late_tool.mjs'), declaration('late_tool'))
    rmSync(join(folder, 'third_tool.mjs'))
    await expect.poll(() => own(bench), patience).toEqual([])
  })

  test('a tool runs behind walls: no gateway, no data folder, no network, and a workspace as it declared', async () => {
    const look = `async (_args, { workspace }) => {
      const fs = await import('node:fs')
      const tried = {}
      const attempt = (name, act) => { try { act(); tried[name] = 'done' } catch (error) { tried[name] = error.code } }
      attempt('data', () => fs.readFileSync(workspace + '/../gateway.db'))
      attempt('shadow', () => fs.readFileSync('/etc/shadow'))
      attempt('own folder', () => fs.writeFileSync(new URL('planted_tool.mjs', import.meta.url), ''))
      attempt('workspace', () => fs.writeFileSync(workspace + '/written', ''))
      tried.secret = process.env.TALON_TOKEN ?? 'none'
      const net = await import('node:net')
      tried.network = await new Promise(done => net.connect(80, '1.1.1.1').on('connect', () => done('done')).on('error', error => done(error.code)))
      return tried
    }`
    await using bench = await benchWith({
      'look_safe.mjs': declaration('look_safe', { run: look }),
      'look_write.mjs': declaration('look_write', { run: look, permission: 'write' }),
    })
    process.env['TALON_TOKEN'] = 'secret-of-the-gateway'
    const [safe, write] = [await bench.run('look_safe', {}), await bench.run('look_write', {})]
    delete process.env['TALON_TOKEN']
    const walls = { data: 'ENOENT', shadow: 'ENOENT', 'own folder': 'EROFS', secret: 'none', network: 'ENETUNREACH' }
    expect(JSON.parse(safe.output)).toEqual({ ...walls, workspace: 'EROFS' })
    expect(JSON.parse(write.output)).toEqual({ ...walls, workspace: 'done' })
  })

  test('what a tool does wrong is its own failure', async () => {
    await using bench = await benchWith({
      'it_throws.mjs': declaration('it_throws', {
        run: 'async () => { console.log("before"); throw new Error("no such thing") }',
      }),
      'it_ends.mjs': declaration('it_ends', { run: 'async () => process.exit(7)' }),
      'it_hangs.mjs': declaration('it_hangs', {
        run: '() => new Promise(() => setInterval(() => {}, 1000))',
        rest: 'timeoutMs: 2000,',
      }),
      'it_floods.mjs': declaration('it_floods', {
        run: 'async () => { for (;;) await new Promise(done => process.stdout.write("x".repeat(65536) + "\\n", done)) }',
      }),
      'it_lies.mjs': declaration('it_lies', {
        run: 'async () => { console.log(JSON.stringify({ output: "forged" })); return "true" }',
      }),
      'it_late.mjs': declaration('it_late', {
        run: 'async () => { setTimeout(() => { throw new Error("late") }, 10); await new Promise(r => setTimeout(r, 5000)) }',
      }),
    })
    expect(await bench.run('it_throws', {})).toMatchObject({
      success: false,
      code: 'TOOL_FAILED',
      error: 'no such thing',
      output: 'before',
    })
    expect(await bench.run('it_ends', {})).toMatchObject({
      success: false,
      error: expect.stringContaining('exit code 7'),
    })
    expect(await bench.run('it_hangs', {})).toMatchObject({ success: false, code: 'TIMEOUT' })
    expect(await bench.run('it_floods', {})).toMatchObject({
      success: false,
      error: expect.stringContaining('wrote more'),
    })
    expect((await bench.run('it_lies', {})).output).toMatch(/^true\n\nIt also wrote:\n\{"output":"forged"\}$/)
    expect(await bench.run('it_late', {})).toMatchObject({ success: false, error: 'late' })
  })

  test('without a full wall every own tool is decided like a command', async () => {
    const bench = await workbench({ config: { 'sandbox.level': 'off' } })
    await using _ = bench
    mkdirSync(join(bench.home, 'tools'))
    writeFileSync(join(bench.home, 'tools', 'plain_tool.mjs'), declaration('plain_tool'))
    await bench.tools.start()
    expect(bench.tools.list().find(({ name }) => name === 'plain_tool')?.permission).toBe('exec')
  })
})

test('a workspace in the folder of own tools is refused', async () => {
  await expect(workbench({ config: { 'tools.workspace': 'tools/inside' } })).rejects.toThrow(ConfigError)
})
