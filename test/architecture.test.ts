import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findBreaches } from './support/architecture.ts'
import { planted, sound } from './support/planted-breaches.ts'

const root = join(import.meta.dirname, '..')

function sourceFiles(): Map<string, string> {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const paths = names.filter(name => /\.tsx?$/.test(name)).map(name => `src/${name.replaceAll('\\', '/')}`)
  return new Map(paths.map(path => [path, readFileSync(join(root, path), 'utf8')]))
}

describe('the rooms', () => {
  test('import downward only, within the rule of docs/architecture.md', () => {
    const files = sourceFiles()
    expect(files.size).toBeGreaterThan(100)
    expect(findBreaches(files)).toEqual([])
  })
})

function breachesWith(path: string, text: string): string[] {
  return findBreaches(new Map(Object.entries({ ...sound, [path]: text })))
}

describe('the checker', () => {
  test('finds nothing in files that keep the rule', () => {
    expect(findBreaches(new Map(Object.entries(sound)))).toEqual([])
  })

  test.each(planted)('finds %s', (_what, path, text, breach) => {
    expect(breachesWith(path, text)).toContain(`${path}: ${breach}`)
  })

  test('finds a cycle once, and none that is made of types', () => {
    const a = "import { b } from './b.ts'\nexport const a = 1"
    const cycle = {
      'src/server/a.ts': a,
      'src/server/b.ts': "import { c } from './c.ts'",
      'src/server/c.ts': "export { a } from './a.ts'",
    }
    expect(findBreaches(new Map(Object.entries(cycle)))).toEqual([
      'src/server/a.ts → src/server/b.ts → src/server/c.ts → src/server/a.ts: a cycle of imports',
    ])
    const types = { 'src/server/a.ts': a, 'src/server/b.ts': "import type { a } from './a.ts'" }
    expect(findBreaches(new Map(Object.entries(types)))).toEqual([])
  })

  test('finds schemas that come into the browser by a detour', () => {
    const detour = { ...sound, 'src/protocol/errors.ts': "import { idSchema } from './shapes.ts'" }
    expect(findBreaches(new Map(Object.entries(detour)))).toEqual([
      'src/protocol/shapes.ts: brings zod into the browser',
    ])
  })

  test('reads neither comments nor strings', () => {
    const text = "// import '../client/index.ts'; process.env; any\nexport const a = \"import('hono'): any\""
    expect(breachesWith('src/server/x.ts', text)).toEqual([])
  })
})
