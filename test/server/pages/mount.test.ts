import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildDashboard } from '../../support/dashboard.ts'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'

let gateway: TestGateway
let build: Awaited<ReturnType<typeof buildDashboard>>
let cookie = ''

beforeAll(async () => {
  build = await buildDashboard()
  gateway = await testGateway({ assets: { dir: build.dir } })
  cookie = cookieOf(await postForm('/login', { token: testToken }))
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  build?.remove()
})

function postForm(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams(form)
  const init = { method: 'POST', body, redirect: 'manual', headers: { origin: gateway.url, ...headers } } as const
  return fetch(`${gateway.url}${path}`, init)
}

function cookieOf(response: Response): string {
  return response.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
}

function get(path: string, headers: Record<string, string> = { cookie }): Promise<Response> {
  return fetch(`${gateway.url}${path}`, { redirect: 'manual', headers: { accept: 'text/html', ...headers } })
}

test('the build lists the licences of what it took in, which no address serves', async () => {
  const packages = JSON.parse(readFileSync(join(build.dir, 'licences.json'), 'utf8'))
  expect(packages).toContainEqual({ name: 'preact', version: expect.any(String), licence: 'MIT' })
  expect(packages).toContainEqual(expect.objectContaining({ name: 'tailwindcss' }))
  expect((await get('/licences.json')).status).toBe(404)
})

test('a page without a sign-in leads to the sign-in, and back to itself', async () => {
  const answer = await get('/sessions?state=idle', {})
  expect(answer.status).toBe(303)
  expect(answer.headers.get('location')).toBe('/login?next=%2Fsessions%3Fstate%3Didle')
})

test('the sign-in page leads on when someone is signed in', async () => {
  const answer = await get('/login?next=//evil.example')
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
})

test('a token in the form signs in with a cookie that scripts cannot read', async () => {
  const answer = await postForm('/login', { token: ` ${testToken} `, next: '/sessions' })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sessions'])
  expect(answer.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Strict/)
})

test('a wrong token is refused with the form again, and never repeated in the page', async () => {
  const answer = await postForm('/login', { token: 'tln_wrong_wrongwrongwrongwrong', next: '/sessions' })
  expect(answer.status).toBe(401)
  const html = await answer.text()
  expect(html).toContain('not valid')
  expect(html).toContain('value="/sessions"')
  expect(html).not.toContain('wrongwrong')
})

test.each(['/login', '/logout'])('another site cannot post to %s', async path => {
  const answer = await postForm(path, { token: testToken }, { origin: 'https://evil.example', cookie })
  expect(answer.status).toBe(403)
  expect((await get('/')).status).toBe(200)
})

test('signing out ends the cookie', async () => {
  const own = cookieOf(await postForm('/login', { token: testToken }))
  const answer = await postForm('/logout', {}, { cookie: own })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login'])
  expect((await get('/', { cookie: own })).status).toBe(303)
})

test('a page is not kept by the browser, and its files are, for ever', async () => {
  const page = await get('/')
  expect(page.headers.get('cache-control')).toBe('no-store')
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? ''
  const file = await fetch(gateway.url + script, { headers: { 'accept-encoding': 'br' } })
  expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(file.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect(file.headers.get('content-encoding')).toBe('br')
})

test('an unknown address is a page for browsers and JSON for programs', async () => {
  const page = await get('/nowhere')
  expect(page.status).toBe(404)
  expect(await page.text()).toContain('There is no page at this address.')
  const json = await get('/nowhere', { cookie, accept: 'application/json' })
  expect([json.status, json.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
})

test('a session that does not exist is a page that says so, in the shell', async () => {
  const answer = await get('/sessions/no-such-session')
  expect(answer.status).toBe(404)
  const html = await answer.text()
  expect(html).toContain('This session does not exist, or it was deleted.')
  expect(html).toContain('aria-label="Main"')
})

test('a page of a token without its scope is refused in words', async () => {
  const token = await gateway.token('chat')
  const own = cookieOf(await postForm('/login', { token }))
  const answer = await get('/', { cookie: own })
  expect(answer.status).toBe(403)
  expect(await answer.text()).toContain('This page needs a token with the scope “read”.')
})

test('the navigation marks the current page, and a page below it its section', async () => {
  const list = await (await get('/sessions')).text()
  expect(list).toMatch(/href="\/sessions"[^>]*aria-current="page"/)
  expect(list).not.toMatch(/href="\/"[^>]*aria-current/)
  const below = await (await get('/sessions/x')).text()
  expect(below).toMatch(/href="\/sessions"[^>]*aria-current="true"/)
})

test('no page has an inline script, an inline style or a reference to another host', async () => {
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'anna', channel: 'cli' })
  for (const path of ['/', '/sessions', `/sessions/${sessionId}`, '/nowhere']) {
    const html = await (await get(path)).text()
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|(?:src|href)="(?:https?:)?\/\//)
  }
})

test('a page costs at most 30 KB of script and 20 KB of style, 60 KB with a conversation', async () => {
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'anna', channel: 'cli' })
  const budgets = [
    { path: '/', scriptKb: 30 },
    { path: '/sessions', scriptKb: 30 },
    { path: `/sessions/${sessionId}`, scriptKb: 60 },
  ]
  for (const { path, scriptKb } of budgets) {
    const html = await (await get(path)).text()
    const files = [...new Set([...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(match => match[1] ?? ''))]
    let [scriptBytes, styleBytes] = [0, 0]
    for (const file of files) {
      const size = gzipSync(await (await fetch(gateway.url + file)).bytes()).length
      if (file.endsWith('.css')) styleBytes += size
      else scriptBytes += size
    }
    expect(scriptBytes, path).toBeGreaterThan(1_000)
    expect(scriptBytes, path).toBeLessThanOrEqual(scriptKb * 1024)
    expect(styleBytes, path).toBeLessThanOrEqual(20 * 1024)
  }
})
