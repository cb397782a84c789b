import { createHash } from 'node:crypto'

/**
 * The script that stands in for the gateway while it cannot be reached: it shows the offline page, and keeps nothing else.
 * Every page comes from the network first; of what a session holds nothing is ever in its cache.
 * @param files addresses that the offline page is made of; their names change with each build, and so does the cache's
 */
export function serviceWorker(files: readonly string[], version: string): string {
  const build = createHash('sha256')
    .update([version, ...files].join())
    .digest('hex')
    .slice(0, 16)
  return `'use strict'
const cacheName = 'talon-offline-${build}'
const files = ${JSON.stringify(files)}
addEventListener('install', event => {
  event.waitUntil(caches.open(cacheName).then(cache => cache.addAll(files)).then(() => skipWaiting()))
})
addEventListener('activate', event => {
  const isOld = name => name.startsWith('talon-offline-') && name !== cacheName
  event.waitUntil(caches.keys().then(names => Promise.all(names.filter(isOld).map(name => caches.delete(name)))))
})
addEventListener('fetch', event => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin) return
  const kept = request.mode === 'navigate' ? '/offline' : files.includes(pathname) ? pathname : undefined
  if (kept === undefined) return
  event.respondWith(fetch(request).catch(async error => {
    const page = await caches.match(kept, { cacheName })
    if (page) return page
    throw error
  }))
})
`
}
