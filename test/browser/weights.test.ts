import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAssets } from '../../src/server/pages/assets.ts'
import type { PageEntry } from '../../src/server/pages/page.ts'
import { buildDashboard } from '../support/dashboard.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { samplePaths } from '../support/sample-pages.ts'

const maxScriptBytes = 30 * 1024
/** For what draws a chart or holds a conversation. */
const maxRichScriptBytes = 60 * 1024
const maxStyleBytes = 20 * 1024

const richIslands = ['Charts', 'Conversation']
const pages = Object.values(
  import.meta.glob<PageEntry>('../../src/server/pages/*.page.tsx', { eager: true, import: 'default' }),
)

/** The part of Vite's manifest that tells what is loaded later. */
type Manifest = Record<string, { file: string; imports?: string[]; dynamicImports?: string[] }>

let build: Awaited<ReturnType<typeof buildDashboard>>
let gateway: TestGateway
beforeAll(async () => {
  build = await buildDashboard()
  gateway = await testGateway({ assets: { dir: build.dir } })
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  build?.remove()
})

const gzipBytes = (path: string) => gzipSync(readFileSync(join(build.dir, path)), { level: 9 }).length
const sum = (paths: Iterable<string>) => [...paths].reduce((total, path) => total + gzipBytes(path), 0)

test('a page loads little script: 30 KB, or 60 KB with a chart or a conversation', async () => {
  const { tags } = openAssets({ dir: build.dir })
  const weights: Record<string, number> = {}
  const tooHeavy: string[] = []
  for (const [pattern, path] of Object.entries(await samplePaths(gateway, pages))) {
    const html = await (await gateway.fetch(path)).text()
    const islands = [...html.matchAll(/ data-island="(\w+)"/g)].map(match => match[1] ?? '')
    const bytes = sum(new Set([...tags.scripts, ...tags.preloads(islands), ...loadedByThemselves(islands)]))
    weights[pattern] = bytes
    const isRich = islands.some(name => richIslands.includes(name))
    if (bytes > (isRich ? maxRichScriptBytes : maxScriptBytes)) tooHeavy.push(`${pattern} with ${islands}: ${bytes}`)
    // A page without the islands of the frame would weigh nothing.
    expect(islands).toContain('ConnectionStatus')
  }
  console.info(weights)
  expect(tooHeavy).toEqual([])
})

/** A chart comes with its page, though by an import of its own so that it does not hold up the rest. */
function loadedByThemselves(islands: readonly string[]): string[] {
  // Written by the build of this same version.
  const manifest = JSON.parse(readFileSync(join(build.dir, '.vite/manifest.json'), 'utf8')) as Manifest
  return islands
    .filter(name => richIslands.includes(name))
    .flatMap(name => manifest[`src/islands/${name}.tsx`]?.dynamicImports ?? [])
    .flatMap(key => manifest[key]?.file ?? [])
    .filter(file => file.endsWith('.js'))
}

test('all style together is at most 20 KB', () => {
  const { tags } = openAssets({ dir: build.dir })
  expect(tags.styles).toHaveLength(1)
  const bytes = sum(tags.styles)
  console.info({ style: bytes })
  expect(bytes).toBeGreaterThan(5 * 1024)
  expect(bytes).toBeLessThanOrEqual(maxStyleBytes)
})
