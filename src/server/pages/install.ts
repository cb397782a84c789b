import type { Hono } from 'hono'
import { h } from 'preact'
import type { HttpEnv } from '../http.ts'
import type { AssetTags } from './assets.ts'
import { Offline } from './offline.tsx'
import type { Renderer } from './render.ts'
import { serviceWorker } from './service-worker.ts'

// Made of the favicon by scripts/icons.ts.
const icons = import.meta.glob<string>('./icons/*.png', { eager: true, query: '?inline', import: 'default' })

const manifest = {
  id: '/',
  name: 'Talon',
  description: 'The dashboard of a Talon gateway.',
  start_url: '/',
  scope: '/',
  display: 'standalone',
  background_color: '#f6f6f3',
  theme_color: '#0f766e',
  icons: [
    { src: '/favicon.svg', type: 'image/svg+xml', sizes: 'any' },
    ...[192, 512].flatMap(pixels => [
      { src: `/icons/icon-${pixels}.png`, type: 'image/png', sizes: `${pixels}x${pixels}` },
      { src: `/icons/maskable-${pixels}.png`, type: 'image/png', sizes: `${pixels}x${pixels}`, purpose: 'maskable' },
    ]),
  ],
  shortcuts: [
    { name: 'Sessions', url: '/sessions' },
    { name: 'Approvals', url: '/tools/approvals' },
  ],
}

/** Adds what a browser needs to install the dashboard: manifest, icons, and a page for when the gateway cannot be reached. */
export function mountInstall(http: Hono<HttpEnv>, input: { tags: AssetTags; render: Renderer; version: string }): void {
  const { tags, render, version } = input
  const offlineFiles = ['/offline', '/favicon.svg', ...tags.styles, ...tags.scripts, ...tags.preloads(['Retry'])]
  const worker = serviceWorker(offlineFiles, version)

  http.get('/manifest.webmanifest', c => {
    c.header('Cache-Control', 'public, max-age=3600')
    return c.body(JSON.stringify(manifest), 200, { 'Content-Type': 'application/manifest+json' })
  })
  for (const [path, dataUrl] of Object.entries(icons)) {
    const body = new Uint8Array(Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64'))
    http.get(path.slice(1), c => {
      c.header('Cache-Control', 'public, max-age=86400')
      return c.body(body, 200, { 'Content-Type': 'image/png' })
    })
  }
  http.get('/sw.js', c => {
    // A browser asks for it at each visit, and takes it for a new one if a byte differs.
    c.header('Cache-Control', 'no-cache')
    return c.body(worker, 200, { 'Content-Type': 'text/javascript; charset=utf-8' })
  })
  http.get('/offline', c => render.page(c, { title: 'Offline', body: h(Offline, {}), status: 200, bare: true }))
}
