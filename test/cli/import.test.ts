import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { providersSchema } from '../../src/server/agent/providers.ts'
import { sampleFolder, samples, snapshot, writeOld } from '../db/legacy/importing.ts'
import { testGateway } from '../support/gateway.ts'
import { newHome, runCommand, startCommand } from './command.ts'

function countIn(home: string): unknown {
  const database = new Database(join(home, 'gateway.db'), { readonly: true })
  const count = database.prepare('SELECT count(*) AS sessions, total(message_count) AS messages FROM sessions').get()
  database.close()
  return count
}

/** An old data folder with settings and a workspace; its keys must never be seen. */
function oldHome(): string {
  const folder = sampleFolder()
  writeOld(join(folder, 'config.json'), {
    agent: { model: 'deepseek/deepseek-chat', providers: { deepseek: { apiKey: 'canary-deepseek' } } },
  })
  writeOld(join(folder, '.env'), 'ANTHROPIC_API_KEY=canary-anthropic\nMY_OWN_API_KEY=canary-own\n')
  writeOld(join(folder, 'workspace', 'tasks.json'), '[]')
  writeOld(join(folder, 'workspace', 'notes', 'one.md'), 'a note')
  return folder
}

describe('talon import', () => {
  it('prints a table, what was wrong, and the sums, and exits with 1 if a file could not be imported', async () => {
    const home = newHome()
    const folder = sampleFolder()
    cpSync(join(samples, 'corrupt'), join(folder, 'sessions'), { recursive: true })
    const { exitCode, out, err } = await runCommand(['import', folder], { home })
    expect(exitCode).toBe(1)
    expect(err).toBe('')
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^FILE +SESSION +MESSAGES READ +MESSAGES STORED +WARNINGS$/)
    expect(lines[1]).toMatch(/^sessions\/cli-local\.json +cli-local +10 +10 +0$/)
    expect(out).toContain('sessions/sess_empty0000001.json: The file is empty.')
    expect(out).toContain('sessions/sess_truncated001.json: The file ends in message 1')
    expect(out).toContain(
      '6 files, 5 sessions imported, 29 messages read, 29 stored, 1 warning; 1 could not be imported.',
    )
    expect(countIn(home)).toEqual({ sessions: 5, messages: 29 })
    const again = await runCommand(['import', folder], { home })
    expect(again).toMatchObject({ exitCode: 1, err: '' })
    expect(again.out).toContain('0 sessions imported')
    expect(again.out).toMatch(/cli-local +10 +0 +0 +imported before\n/)
    expect(countIn(home)).toEqual({ sessions: 5, messages: 29 })
  })

  it('takes the data folder itself if none is named, and prints JSON for a program', async () => {
    const home = newHome()
    cpSync(samples, join(home, 'sessions'), { recursive: true })
    const before = snapshot(join(home, 'sessions'))
    const { exitCode, out } = await runCommand(['import', '--json'], { home })
    expect(exitCode).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      folder: home,
      dryRun: false,
      totals: { files: 4, sessions: 4, messagesRead: 28, messagesStored: 28, warnings: 0, failed: 0 },
      workspace: { copied: [], kept: [], failed: [] },
      settings: { offered: null, taken: null },
    })
    expect(snapshot(join(home, 'sessions'))).toEqual(before)
    expect(readdirSync(join(home, 'run'))).not.toContain('gateway.json')
  })

  it('says what a dry run would do, and writes nothing', async () => {
    const home = newHome()
    const folder = oldHome()
    const before = snapshot(folder)
    const { exitCode, out } = await runCommand(['import', folder, '--dry-run', '--settings'], { home })
    expect(exitCode).toBe(0)
    expect(out).toContain('4 sessions imported, 28 messages read, 28 stored, 0 warnings. This was a dry run')
    expect(out).toContain('Would be copied from the old workspace: tasks.json, notes/one.md.')
    expect(readdirSync(home)).toEqual([])
    expect(snapshot(folder)).toEqual(before)
  })

  it('says so where there is nothing to import, or no such folder', async () => {
    const home = newHome()
    expect(await runCommand(['import'], { home })).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('There are no sessions'),
    })
    const { exitCode, err } = await runCommand(['import', '/no/such/folder'], { home })
    expect({ exitCode, err }).toEqual({
      exitCode: 1,
      err: '/no/such/folder cannot be read: there is no such file or folder.\n',
    })
  })

  it('refuses while a gateway uses the data folder, and names it; a dry run works', async () => {
    await using gateway = await testGateway()
    const folder = sampleFolder()
    const refused = await runCommand(['import', folder], { home: gateway.home })
    expect(refused).toMatchObject({ exitCode: 1, out: '' })
    expect(refused.err).toContain(`A gateway uses ${gateway.home} (process ${process.pid}). Stop it first`)
    expect((await runCommand(['import', folder, '--dry-run'], { home: gateway.home })).exitCode).toBe(0)
    expect((await gateway.app.store.counts()).sessions).toBe(0)
  })

  it('ends at Ctrl-C with nothing half-done, and shows how far it is on a terminal', async () => {
    const home = newHome()
    const folder = newHome()
    const messages = Array.from({ length: 40_000 }, (_, index) => ({
      id: `m${index}`,
      role: 'user',
      content: 'text',
      timestamp: index,
    }))
    writeFileSync(join(folder, 'large.json'), JSON.stringify({ id: 'large', messages }))
    const command = startCommand(['import', folder], { home })
    command.context.stderr.isTTY = true
    const stderr = command.context.stderr
    stderr.on('data', () => command.pressStop())
    expect(await command.exitCode).toBe(130)
    expect(command.err()).toMatch(/\[[#.]{30}\] \d+ % {2}0 of 1 files/)
    expect(command.err()).toContain('Stopped. No session is half there; run it again for the rest.')
    const { out } = await runCommand(['import', folder], { home })
    expect(out).toContain('1 session imported, 40000 messages read, 40000 stored')
    expect(countIn(home)).toEqual({ sessions: 1, messages: 40_000 })
  }, 60_000)
})

describe('the old workspace and settings', () => {
  it('are copied where nothing of that name is, and offered by name', async () => {
    const home = newHome()
    const folder = oldHome()
    writeOld(join(home, 'workspace', 'tasks.json'), '["new"]')
    const { exitCode, out, err } = await runCommand(['import', folder], { home })
    expect(exitCode).toBe(0)
    expect(out).toContain('Copied from the old workspace: notes/one.md.')
    expect(out).toContain('Not copied, because files of that name are there already: tasks.json.')
    expect(readFileSync(join(home, 'workspace', 'notes', 'one.md'), 'utf8')).toBe('a note')
    expect(readFileSync(join(home, 'workspace', 'tasks.json'), 'utf8')).toBe('["new"]')
    expect(err).toBe(
      'config.json names a key for deepseek, .env names a key for anthropic and the model deepseek/deepseek-chat. Take them over with: talon import --settings\n',
    )
    expect(existsSync(join(home, 'talon.json'))).toBe(false)
    expect(`${out}${err}`).not.toContain('canary')
  })

  it('are taken over where that is asked for, each key into a file of its own', async () => {
    const home = newHome()
    writeOld(join(home, 'talon.json'), { log: { level: 'warn' } })
    const folder = oldHome()
    const { exitCode, out, err } = await runCommand(
      ['import', folder, '--settings', '--model', 'anthropic/claude-x', 'other/y'],
      { home },
    )
    expect(exitCode).toBe(0)
    expect(err).toContain(`Taken over into ${home}/talon.json: deepseek, anthropic.`)
    expect(`${out}${err}`).not.toContain('canary')
    const written = JSON.parse(readFileSync(join(home, 'talon.json'), 'utf8'))
    expect(written).toEqual({
      log: { level: 'warn' },
      agent: {
        model: 'deepseek/deepseek-chat',
        providers: [
          {
            name: 'deepseek',
            kind: 'openai-compatible',
            baseUrl: 'https://api.deepseek.com/v1',
            apiKeyFile: 'secrets/deepseek.key',
            models: ['deepseek-chat'],
          },
          { name: 'anthropic', kind: 'anthropic', apiKeyFile: 'secrets/anthropic.key', models: ['claude-x'] },
        ],
      },
    })
    expect(providersSchema.safeParse(written.agent.providers).success).toBe(true)
    const key = join(home, 'secrets', 'anthropic.key')
    expect(readFileSync(key, 'utf8')).toBe('canary-anthropic\n')
    expect([statSync(key).mode & 0o777, statSync(join(home, 'secrets')).mode & 0o777]).toEqual([0o600, 0o700])
    const again = await runCommand(['import', folder, '--settings'], { home })
    expect(again).toMatchObject({ exitCode: 1, err: expect.stringContaining('has providers already') })
    expect((await runCommand(['import', folder], { home })).err).toBe('')
  })

  it('are refused before anything is imported where there are providers already', async () => {
    const home = newHome()
    const providers = [{ name: 'mine', kind: 'anthropic', apiKeyFile: 'key', models: ['m'] }]
    writeOld(join(home, 'talon.json'), { agent: { providers } })
    const { exitCode, out, err } = await runCommand(['import', oldHome(), '--settings'], { home })
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toContain('has providers already, so no settings were taken over, and nothing was imported.')
    expect(readdirSync(home)).toEqual(['talon.json'])
  })

  it('that are not valid are told before anything is imported', async () => {
    const home = newHome()
    writeOld(join(home, 'talon.json'), { agent: { nothing: 1 } })
    const { exitCode, out, err } = await runCommand(['import', oldHome()], { home })
    expect({ exitCode, out }).toEqual({ exitCode: 78, out: '' })
    expect(err).toContain('nothing')
    expect(readdirSync(home)).toEqual(['talon.json'])
  })

  it('without a model are left, with what to do about it', async () => {
    const home = newHome()
    mkdirSync(join(home, 'sessions'))
    writeOld(join(home, '.env'), 'OPENAI_API_KEY=canary')
    const { exitCode, err } = await runCommand(['import', '--settings'], { home })
    expect({ exitCode, err }).toEqual({
      exitCode: 0,
      err: 'openai: no model of it is named. Say for example: --model openai/<model>\n',
    })
    expect(existsSync(join(home, 'talon.json'))).toBe(false)
  })
})
