import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

// The ceiling: one route, no middleware.
const http = new Hono()
http.get('/livez', c => c.json({ status: 'ok' }))
const server = serve({ fetch: http.fetch, port: 0, hostname: '127.0.0.1' }, address => {
  console.log((address as AddressInfo).port)
})
process.on('SIGTERM', () => server.close(() => process.exit(0)))
