import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/server/config.ts'
import { withSecretFiles } from '../../src/server/secret-files.ts'
import { newHome, runCommand, startCommand } from '../cli/command.ts'

const token = 'secret-token-of-at-least-thirty-two-characters'

function file(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'talon-secret-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'secret'), content)
  return join(folder, 'secret')
}

test('the token and any setting can come from a file, without the line feed at its end', () => {
  const env = withSecretFiles({
    TALON_TOKEN_FILE: file(`${token}\n`),
    TALON_PORT_FILE: file('8123\r\n'),
    TALON_AGENT_MODEL: 'offline',
    PATH: '/bin',
  })
  expect(env).toEqual({ TALON_TOKEN: token, TALON_PORT: '8123', TALON_AGENT_MODEL: 'offline', PATH: '/bin' })
  const { values, origins, warnings } = loadConfig({ home: newHome(), env })
  expect(values['server.port']).toBe(8123)
  expect(origins['server.port']).toBe('env')
  expect(warnings).toEqual([])
})

test('a setting whose own name ends in File is the name of a file, as before', () => {
  const env = { TALON_AGENT_PROMPT_FILE: 'other.md' }
  expect(withSecretFiles(env)).toEqual(env)
})

test('a variable that belongs to nothing is left for the warning about it', () => {
  const env = { TALON_TOKN_FILE: '/run/secrets/token' }
  expect(withSecretFiles(env)).toEqual(env)
  expect(loadConfig({ home: newHome(), env }).warnings).toEqual([
    expect.stringContaining('TALON_TOKN_FILE is no setting.'),
  ])
})

test('an empty variable is as good as none', () => {
  expect(withSecretFiles({ TALON_TOKEN_FILE: '', TALON_TOKEN: token })).toMatchObject({ TALON_TOKEN: token })
})

test.each([
  ['that is missing', () => ({ TALON_TOKEN_FILE: '/nowhere/token' }), /^TALON_TOKEN_FILE: ENOENT.*\/nowhere\/token/],
  ['that is a folder', () => ({ TALON_TOKEN_FILE: tmpdir() }), /^TALON_TOKEN_FILE: EISDIR/],
  ['that is empty', () => ({ TALON_TOKEN_FILE: file(' \n') }), /^TALON_TOKEN_FILE: .* is empty\.$/m],
  ['that is too long', () => ({ TALON_TOKEN_FILE: file('x'.repeat(300_000)) }), /has over 256 KiB/],
  [
    'beside the variable itself',
    () => ({ TALON_TOKEN_FILE: file(token), TALON_TOKEN: token }),
    /^TALON_TOKEN_FILE and TALON_TOKEN are both set/,
  ],
])('a file %s is refused with the variable and the reason', async (_what, env, reason) => {
  const given = env()
  expect(() => withSecretFiles(given)).toThrow(reason)
  const { exitCode, err, out } = await runCommand(['config'], { env: given })
  expect(exitCode).toBe(78)
  expect(err).toMatch(reason)
  expect(err + out).not.toContain(token)
})

test('a gateway takes its token from a file, and a command enters with it', async () => {
  const home = newHome()
  const env = { TALON_TOKEN_FILE: file(token), TALON_PORT: '0', TALON_LOG_LEVEL: 'silent' }
  const gateway = startCommand(['start'], { home, env })
  await gateway.until('/login#code=')
  const url = /http:\/\/\S+?(?=\/login)/.exec(gateway.out())?.[0] ?? ''
  const answer = await fetch(`${url}/api/v1/sessions`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(200)
  const elsewhere = { TALON_URL_FILE: file(url), TALON_TOKEN_FILE: file(token) }
  const listed = await runCommand(['token', 'list'], { env: elsewhere })
  expect(listed).toMatchObject({ exitCode: 0, err: '' })
  gateway.pressStop()
  expect(await gateway.exitCode).toBe(0)
})
