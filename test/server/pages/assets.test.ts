import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAssets } from '../../../src/server/pages/assets.ts'

let dir = ''
const script = `export const text = ${JSON.stringify('words '.repeat(500))}`

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'talon-assets-'))
  mkdirSync(join(dir, '.vite'))
  mkdirSync(join(dir, 'assets'))
  writeFileSync(join(dir, 'secret.js'), 'secret')
  writeFileSync(join(dir, 'assets', 'boot-1.js'), script)
  writeFileSync(join(dir, 'assets', 'boot-1.css'), 'body{}')
  const manifest = {
    'src/islands/boot.ts': { file: 'assets/boot-1.js', css: ['assets/boot-1.css'], imports: ['_shared.js'] },
    'src/islands/Clock.tsx': { file: 'assets/Clock-1.js', imports: ['_shared.js', '_hands.js', 'src/islands/boot.ts'] },
    'src/islands/Other.tsx': { file: 'assets/Other-1.js' },
    '_shared.js': { file: 'assets/shared-1.js', imports: ['_hands.js'] },
    '_hands.js': { file: 'assets/hands-1.js', imports: ['_shared.js'] },
  }
  writeFileSync(join(dir, '.vite', 'manifest.json'), JSON.stringify(manifest))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a page preloads what its islands need, and nothing else', () => {
  const { tags } = openAssets({ dir })
  expect(tags.scripts).toEqual(['/assets/boot-1.js'])
  expect(tags.styles).toEqual(['/assets/boot-1.css'])
  expect(tags.preloads(['Clock', 'NoSuchIsland']).sort()).toEqual([
    '/assets/Clock-1.js',
    '/assets/hands-1.js',
    '/assets/shared-1.js',
  ])
})

test('a file comes compressed to those who take it', async () => {
  const { files } = openAssets({ dir })
  const plain = await files.read('boot-1.js', 'gzip')
  expect(plain?.encoding).toBeUndefined()
  expect(new TextDecoder().decode(plain?.body)).toBe(script)
  const small = await files.read('boot-1.js', 'gzip, br')
  expect(small?.encoding).toBe('br')
  expect(brotliDecompressSync(small?.body ?? '').toString()).toBe(script)
  expect((await files.read('boot-1.css', ''))?.type).toBe('text/css; charset=utf-8')
})

test.each([
  '../secret.js',
  '..%2fsecret.js',
  '../.vite/manifest.json',
  './boot-1.js',
  'boot-1.js\0',
  '',
  'toString',
  '/etc/passwd',
])('nothing outside of the folder is served for %j', async name => {
  expect(await openAssets({ dir }).files.read(name, 'br')).toBeUndefined()
})

test('without a build pages have no tags, and say so', () => {
  const { built, tags } = openAssets({ dir: join(dir, 'nowhere') })
  expect(built).toBe(false)
  expect(tags.scripts).toEqual([])
})

test('while developing the sources are linked, the sheet too', () => {
  const { tags } = openAssets({ dir, dev: { entry: '/src/islands/boot.ts' } })
  expect(tags.scripts).toEqual(['/@vite/client', '/src/islands/boot.ts'])
  expect(tags.styles).toEqual(['/src/islands/styles.css?direct'])
})
