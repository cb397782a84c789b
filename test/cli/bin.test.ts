import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { plainEnvironment } from '../support/program.ts'
import { findOldNode, finish, newCheckout } from './checkout.ts'

const oldNode = findOldNode()
const showArguments = 'console.log(JSON.stringify([process.versions.node.split(".")[0], ...process.argv.slice(2)]))\n'
// Tells its number, counts signals, and ends with 7 at the second.
const countSignals = `
let count = 0
process.on('SIGTERM', () => {
  console.log(\`signal \${++count}\`)
  if (count === 2) process.exit(7)
})
setInterval(() => {}, 1_000)
console.log(\`process \${process.pid}\`)
`

describe('the build that a start makes', () => {
  it('happens once, says so on standard error, and again after a change', async () => {
    const root = newCheckout(showArguments)
    const start = () => finish(process.execPath, [join(root, 'bin', 'talon.mjs'), 'a b'])
    expect(await start()).toEqual({
      exitCode: 0,
      out: '["24","a b"]\n',
      err: expect.stringMatching(/^Built dist\/ in .* s\.\n$/),
    })
    expect(await start()).toEqual({ exitCode: 0, out: '["24","a b"]\n', err: '' })
    writeFileSync(join(root, 'src', 'cli', 'main.ts'), 'console.log("changed")\n')
    expect(await start()).toEqual({ exitCode: 0, out: 'changed\n', err: expect.stringMatching(/^Built/) })
    expect(readFileSync(join(root, 'dist', 'client', 'talon-client.js'), 'utf8')).toContain('connected')
    expect(existsSync(join(root, 'dist', 'client', '.vite', 'manifest.json'))).toBe(true)
    expect(existsSync(join(root, 'dist', 'server', 'writer.js'))).toBe(true)
    expect(await finish(process.execPath, [join(root, 'scripts', 'build.mjs')])).toEqual({
      exitCode: 0,
      out: '',
      err: 'dist/ is up to date.\n',
    })
  })

  it('has beside it what Node compiled of it, until the next build', async () => {
    const root = newCheckout(showArguments)
    const start = () => finish(process.execPath, [join(root, 'bin', 'talon.mjs')])
    const cache = join(root, 'dist', '.cache')
    await start()
    expect(readdirSync(cache)).toHaveLength(1)
    writeFileSync(join(root, 'src', 'cli', 'main.ts'), 'console.log("changed")\n')
    await finish(process.execPath, [join(root, 'scripts', 'build.mjs')])
    expect(existsSync(cache)).toBe(false)
  })

  it('is made by one of two that start at once, and the other waits for it', async () => {
    const root = newCheckout(showArguments)
    const results = await Promise.all([1, 2].map(() => finish(process.execPath, [join(root, 'bin', 'talon.mjs')])))
    expect(results.map(({ exitCode, out }) => ({ exitCode, out }))).toEqual(
      Array.from({ length: 2 }, () => ({ exitCode: 0, out: '["24"]\n' })),
    )
    expect(results.map(({ err }) => err).join('')).toMatch(/^Built dist\/ in .* s\.\n$/)
  })

  it('fails with the reason, and leaves what was built before', async () => {
    const root = newCheckout('console.log("first")\n')
    const start = () => finish(process.execPath, [join(root, 'bin', 'talon.mjs')])
    await start()
    const built = readFileSync(join(root, 'dist', 'server', 'talon.js'), 'utf8')
    writeFileSync(join(root, 'src', 'cli', 'main.ts'), 'console.log("second"\n')
    const { exitCode, out, err } = await start()
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toContain('The build failed.')
    expect(err).toContain('main.ts')
    expect(readFileSync(join(root, 'dist', 'server', 'talon.js'), 'utf8')).toBe(built)
  })

  it('names the way out where the packages are missing, and goes on with an older build', async () => {
    const root = newCheckout('console.log("first")\n')
    const start = () => finish(process.execPath, [join(root, 'bin', 'talon.mjs')])
    await start()
    rmSync(join(root, 'node_modules'))
    writeFileSync(join(root, 'src', 'cli', 'main.ts'), 'console.log("second")\n')
    const stale = await start()
    expect({ exitCode: stale.exitCode, out: stale.out }).toEqual({ exitCode: 0, out: 'first\n' })
    expect(stale.err).toContain('Going on with the older build')
    rmSync(join(root, 'dist'), { recursive: true })
    expect(await start()).toEqual({ exitCode: 1, out: '', err: expect.stringContaining('Run: npm ci') })
  })
})

describe.skipIf(oldNode === undefined)('an older Node', () => {
  const node = oldNode ?? ''

  it('hands over to the one in node_modules, with arguments and exit code', async () => {
    const root = newCheckout(`${showArguments}process.exit(5)\n`)
    const { exitCode, out } = await finish(node, [join(root, 'bin', 'talon.mjs'), 'status', '--json'])
    expect({ exitCode, out }).toEqual({ exitCode: 5, out: '["24","status","--json"]\n' })
  })

  it('passes signals on', async () => {
    const root = newCheckout(countSignals)
    const { child, lines } = await startOld(node, root)
    child.kill('SIGTERM')
    expect(await lines.next()).toBe('signal 1')
    child.kill('SIGTERM')
    expect(await lines.next()).toBe('signal 2')
    expect(await once(child, 'exit')).toEqual([7, null])
  })

  it('takes the program with it when it is killed', async () => {
    const root = newCheckout(countSignals)
    const { child, lines, pid } = await startOld(node, root)
    expect(pid).not.toBe(child.pid)
    child.kill('SIGKILL')
    // Standard output ends when the last process that holds it is gone.
    expect(await lines.next()).toBe('end')
  })

  it('is told which Node to get where none is beside it', async () => {
    const root = newCheckout(showArguments)
    rmSync(join(root, 'node_modules'))
    const { exitCode, out, err } = await finish(node, [join(root, 'bin', 'talon.mjs'), 'status'])
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toContain('Talon needs Node 24 or newer; this is ')
    expect(err).toContain('https://nodejs.org/')
  })
})

async function startOld(node: string, root: string) {
  const child = spawn(node, [join(root, 'bin', 'talon.mjs')], {
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const iterator = createLines(child.stdout)
  const lines = { next: async () => String((await iterator.next()).value ?? 'end') }
  const pid = Number((await lines.next()).replace('process ', ''))
  return { child, lines, pid }
}

async function* createLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}
