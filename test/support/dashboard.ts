import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { createBuilder } from 'vite'
import type { Client } from '../../src/client/index.ts'
import { launchBrowser } from './browser.ts'
import { type TestGateway, testGateway, testToken } from './gateway.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A real gateway with the dashboard as it is built from the sources, and a browser to look at it. */
export interface Dashboard {
  gateway: TestGateway
  /** The folder of the built files, for another gateway with the same dashboard. */
  assets: string
  /** A program that talks to the same gateway, with all rights. */
  client: Client
  /** The token with all scopes. */
  token: string
  /** What a page complained of: errors on its console, exceptions, requests to anybody else. */
  complaints: string[]
  /** A page of a browser profile of its own. */
  open(options?: BrowserContextOptions): Promise<Page>
  /** The same, signed in by a link, at a path. `url` is that of the gateway unless something stands before it. */
  signedIn(path?: string, options?: BrowserContextOptions & { url?: string }): Promise<Page>
  close(): Promise<void>
}

export async function openDashboard(): Promise<Dashboard> {
  const build = await buildDashboard()
  const gateway = await testGateway({ assets: { dir: build.dir } })
  const browser = await launchBrowser()
  const complaints: string[] = []
  const open = (options?: BrowserContextOptions) => openPage(browser, complaints, options)
  return {
    ...{ gateway, assets: build.dir, client: gateway.client(), token: testToken, complaints, open },
    async signedIn(path = '/', options = {}) {
      const { url = gateway.url, ...context } = options
      const page = await open({ ...context, baseURL: url })
      await page.goto((await gateway.signInLink()).replace(gateway.url, url))
      await page.waitForURL(`${url}/`)
      if (path !== '/') await page.goto(path)
      await page.locator('[data-connection="open"]').waitFor()
      return page
    },
    async close() {
      await browser.close()
      await gateway[Symbol.asyncDispose]()
      build.remove()
    },
  }
}

async function openPage(browser: Browser, complaints: string[], options?: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(error.message))
  page.on('dialog', dialog => {
    complaints.push(`dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  page.on('request', request => {
    const { hostname, protocol } = new URL(request.url())
    if (protocol !== 'data:' && hostname !== '127.0.0.1') complaints.push(`request to ${request.url()}`)
  })
  return page
}

/** Builds what a browser loads into a folder of its own, so that a test never runs against an old build. */
export async function buildDashboard(): Promise<{ dir: string; remove(): void }> {
  const dir = mkdtempSync(join(tmpdir(), 'talon-client-'))
  // What the runner of the tests sets would build the libraries in another form than the one that is shipped.
  const { NODE_ENV } = process.env
  process.env['NODE_ENV'] = 'production'
  try {
    const builder = await createBuilder({
      root,
      configFile: join(root, 'vite.config.ts'),
      logLevel: 'error',
      mode: 'production',
      environments: { client: { build: { outDir: dir } } },
    })
    const client = builder.environments['client']
    if (!client) throw new Error('vite.config.ts has no client environment.')
    await builder.build(client)
  } finally {
    process.env['NODE_ENV'] = NODE_ENV
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
