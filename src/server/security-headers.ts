import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

// No part of a page may come from, or go to, anywhere else.
const contentSecurityPolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  connectSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  manifestSrc: ["'self'"],
  workerSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
}

const middleware = secureHeaders({
  contentSecurityPolicy,
  // With no-referrer a form would post with `Origin: null`.
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  strictTransportSecurity: false,
  permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [] },
})

/** Name and value of what the middleware writes, which is the same for every answer. */
export async function securityHeaders(): Promise<[string, string][]> {
  const http = new Hono().use(middleware).get('/', c => c.body(null))
  const { headers } = await http.request('/')
  return [...headers]
}
