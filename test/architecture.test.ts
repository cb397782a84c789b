import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findBreaches } from './support/architecture.ts'

const root = join(import.meta.dirname, '..')

/**
 * Breaches that are known. The list only gets shorter: a new breach fails the test, and so does a line here that is no
 * longer true.
 */
const known = [
  'src/server/socket.ts: has 385 lines, 299 at most',
  'src/server/hello.ts → src/server/socket.ts → src/server/hello.ts: a cycle of imports',
]

function sourceFiles(): Map<string, string> {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const paths = names.filter(name => /\.tsx?$/.test(name)).map(name => `src/${name.replaceAll('\\', '/')}`)
  return new Map(paths.map(path => [path, readFileSync(join(root, path), 'utf8')]))
}

describe('the rooms', () => {
  test('import downward only, within the rule of docs/architecture.md', () => {
    const files = sourceFiles()
    expect(files.size).toBeGreaterThan(100)
    expect(findBreaches(files).sort()).toEqual([...known].sort())
  })
})

/** A small gateway that keeps the rule; a case adds one file that breaks it. */
const sound: Record<string, string> = {
  'src/protocol/errors.ts': 'export const errorCodes = {}',
  'src/protocol/shapes.ts': "import * as z from 'zod'\nexport const idSchema = z.string()",
  'src/client/index.ts':
    "import { errorCodes } from '../protocol/errors.ts'\nimport type { x } from '../protocol/shapes.ts'",
  'src/db/store.ts': "import type { x } from '../protocol/shapes.ts'",
  'src/db/sqlite/open.ts': "import Database from 'better-sqlite3'\nexport const open = new Database()",
  'src/server/record.ts': "import type { Store } from '../db/store.ts'",
  'src/server/dispatch.ts': "const files = import.meta.glob('./handlers/*.ts')",
  'src/server/handlers/ping.ts': "import { defineHandler } from '../dispatch.ts'",
  'src/server/tools/file_read.ts': "import { tool } from './tool.ts'",
  'src/server/tools/tool.ts': "import * as z from 'zod'",
  'src/server/pages/mount.ts': "import type { Hono } from 'hono'",
  'src/server/pages/home.page.tsx': "import { List } from '../../islands/List.tsx'\nexport const home = <List />",
  'src/server/app.ts': "import { Hono } from 'hono'\nimport { mountPages } from './pages/mount.ts'",
  'src/islands/List.tsx':
    "import { connect } from '../client/index.ts'\nimport type { x } from '../protocol/shapes.ts'",
  'src/cli/main.ts': 'export const home = process.env.TALON_HOME',
}

function breachesWith(path: string, text: string): string[] {
  return findBreaches(new Map(Object.entries({ ...sound, [path]: text })))
}

describe('the checker', () => {
  test('finds nothing in files that keep the rule', () => {
    expect(findBreaches(new Map(Object.entries(sound)))).toEqual([])
  })

  test.each([
    ['a file outside of the rooms', 'src/util.ts', '', 'lies in no room'],
    [
      'a protocol that imports ours',
      'src/protocol/x.ts',
      "import '../db/store.ts'",
      'imports src/db/store.ts, which protocol may not',
    ],
    ['a protocol that needs Node', 'src/protocol/x.ts', "import 'node:fs'", 'imports node:fs, which no browser has'],
    [
      'a client that imports a schema',
      'src/client/x.ts',
      "import { idSchema } from '../protocol/shapes.ts'",
      'imports src/protocol/shapes.ts, which client may not',
    ],
    [
      'a client that imports the server',
      'src/client/x.ts',
      "import type { A } from '../server/record.ts'",
      'imports src/server/record.ts for its types, which client may not',
    ],
    [
      'a client that needs Node',
      'src/client/x.ts',
      "import { join } from 'node:path'",
      'imports node:path, which no browser has',
    ],
    [
      'a store that imports the server',
      'src/db/x.ts',
      "import { a } from '../server/dispatch.ts'",
      'imports src/server/dispatch.ts, which db may not',
    ],
    [
      'a server that imports the client',
      'src/server/x.ts',
      "import '../client/index.ts'",
      'imports src/client/index.ts, which server may not',
    ],
    [
      'a server that imports an island',
      'src/server/x.ts',
      "import '../islands/List.tsx'",
      'imports src/islands/List.tsx, which server may not',
    ],
    [
      'an island that imports the server',
      'src/islands/x.ts',
      "import { a } from '../server/record.ts'",
      'imports src/server/record.ts, which islands may not',
    ],
    [
      'an island that imports a schema',
      'src/islands/x.ts',
      "import { idSchema } from '../protocol/shapes.ts'",
      'imports src/protocol/shapes.ts, which islands may not',
    ],
    [
      'a command that goes around the doors of the server',
      'src/cli/x.ts',
      "import { a } from '../server/app.ts'",
      'imports src/server/app.ts, which cli may not',
    ],
    [
      'a command that imports an island',
      'src/cli/x.ts',
      "import '../islands/List.tsx'",
      'imports src/islands/List.tsx, which cli may not',
    ],
    [
      'a handler that imports a handler',
      'src/server/handlers/x.ts',
      "import './ping.ts'",
      'imports src/server/handlers/ping.ts by its name, which only its folder is for',
    ],
    [
      'a handler that imports the types of a handler',
      'src/server/handlers/x.ts',
      "import type { a } from './ping.ts'",
      'imports src/server/handlers/ping.ts by its name, which only its folder is for',
    ],
    [
      'a handler that imports a tool',
      'src/server/handlers/x.ts',
      "import '../tools/tool.ts'",
      'imports src/server/tools/tool.ts, which handlers may not',
    ],
    [
      'a handler that imports Hono',
      'src/server/handlers/x.ts',
      "import type { Context } from 'hono'",
      'imports the package hono for its types, which is not for this file',
    ],
    [
      'a handler that opens the database',
      'src/server/handlers/x.ts',
      "import '../../db/sqlite/open.ts'",
      'imports src/db/sqlite/open.ts, which handlers may not',
    ],
    [
      'a handler that imports the application',
      'src/server/handlers/x.ts',
      "import '../app.ts'",
      'imports src/server/app.ts, which is no door of its room',
    ],
    [
      'a handler that knows the socket',
      'src/server/handlers/x.ts',
      "import type { WebSocket } from 'ws'",
      'imports the package ws for its types, which is not for this file',
    ],
    [
      'a tool that imports a tool',
      'src/server/tools/file_write.ts',
      "export * from './file_read.ts'",
      'imports src/server/tools/file_read.ts by its name, which only its folder is for',
    ],
    [
      'a tool that imports a handler',
      'src/server/tools/x.ts',
      "import '../handlers/ping.ts'",
      'imports src/server/handlers/ping.ts, which tools may not',
    ],
    [
      'a tool that imports Hono',
      'src/server/tools/x.ts',
      "import 'hono/cookie'",
      'imports the package hono, which is not for this file',
    ],
    [
      'a page that imports a page',
      'src/server/pages/x.page.tsx',
      "import './home.page.tsx'",
      'imports src/server/pages/home.page.tsx by its name, which only its folder is for',
    ],
    [
      'a page that imports a tool',
      'src/server/pages/x.page.tsx',
      "import '../tools/tool.ts'",
      'imports src/server/tools/tool.ts, which pages may not',
    ],
    [
      'a page that imports Hono',
      'src/server/pages/x.page.tsx',
      "import type { Hono } from 'hono'",
      'imports the package hono for its types, which is not for this file',
    ],
    [
      'a server that reaches into a room',
      'src/server/x.ts',
      "import './tools/tool.ts'",
      'imports src/server/tools/tool.ts, which is no door of its room',
    ],
    [
      'a server that imports a handler',
      'src/server/x.ts',
      "import './handlers/ping.ts'",
      'imports src/server/handlers/ping.ts by its name, which only its folder is for',
    ],
    [
      'an island that imports an island',
      'src/islands/Other.tsx',
      "import './List.tsx'",
      'imports src/islands/List.tsx by its name, which only its folder is for',
    ],
    [
      'SQLite outside of its folder',
      'src/db/x.ts',
      "import type Database from 'better-sqlite3'",
      'imports the package better-sqlite3 for its types, which is not for this file',
    ],
    [
      'the WebSocket adapter outside of the guard',
      'src/server/x.ts',
      "import '@hono/node-ws'",
      'imports the package @hono/node-ws, which is not for this file',
    ],
    [
      '`ws` at run time',
      'src/server/upgrade.ts',
      "import { WebSocket } from 'ws'",
      'imports the package ws, which is not for this file',
    ],
    [
      'a package that nobody allowed',
      'src/server/x.ts',
      "import _ from 'lodash'",
      'imports the package lodash, which the rule does not know',
    ],
    [
      'a lazy import across the rule',
      'src/db/x.ts',
      "const a = await import('../server/app.ts')",
      'imports src/server/app.ts, which db may not',
    ],
    [
      'a type that is imported inline',
      'src/db/x.ts',
      "export type A = import('../server/record.ts').A",
      'imports src/server/record.ts for its types, which db may not',
    ],
    ['an import that nobody can follow', 'src/server/x.ts', 'const a = await import(name)', 'imports what is computed'],
    [
      'a folder that is read across the rule',
      'src/db/x.ts',
      "const a = import.meta.glob('../server/handlers/*.ts')",
      'imports src/server/handlers/ping.ts, which db may not',
    ],
    ['the environment', 'src/server/x.ts', 'export const a = process.env.HOME', 'reads the environment'],
    [
      'the environment by a string',
      'src/server/x.ts',
      "export const a = globalThis.process['env']",
      'reads the environment',
    ],
    ['the environment by a pattern', 'src/server/x.ts', 'const { env } = process', 'reads the environment'],
    ['the environment by the module', 'src/server/x.ts', "import { env } from 'node:process'", 'reads the environment'],
    ['any', 'src/server/x.ts', 'export const a = (b: Map<string, any>) => b', 'uses "any"'],
    ['a long file', 'src/server/x.ts', '\n'.repeat(300), 'has 300 lines, 299 at most'],
  ])('finds %s', (_what, path, text, breach) => {
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
