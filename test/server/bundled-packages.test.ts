import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { bundledPackages } from '../../src/server/bundled-packages.ts'

test('the packages of both sides of a build are listed once, and none where nothing was built', async () => {
  const dist = mkdtempSync(join(tmpdir(), 'talon-dist-'))
  onTestFinished(() => rmSync(dist, { recursive: true }))
  const address = pathToFileURL(`${dist}/`)
  expect(await bundledPackages(address)).toEqual([])
  const preact = { name: 'preact', version: '11.2.0', licence: 'MIT' }
  const hono = { name: 'hono', version: '4.13.19', licence: 'MIT' }
  for (const [side, packages] of Object.entries({ client: [preact], server: [preact, hono] })) {
    mkdirSync(join(dist, side))
    writeFileSync(join(dist, side, 'licences.json'), JSON.stringify(packages))
  }
  expect(await bundledPackages(address)).toEqual([hono, preact])
})
