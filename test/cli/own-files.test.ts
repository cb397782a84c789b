import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newSession } from '../server/api/rest.ts'
import { testGateway } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'

const refusal = (file: string) => ({
  exitCode: 1,
  err: `${file} is a part of the data folder that the gateway needs. Name another file.\n`,
})
const names = ['gateway.db', 'gateway.db-wal', 'gateway.commit', 'gateway.restore', 'talon.json', 'talon.json.1', 'run']
names.push('run/x', 'secrets/x.txt', 'linked.backup')

test('a backup never takes the place of what a gateway needs, by whatever way it is named', async () => {
  const home = newHome()
  for (const folder of ['run', 'secrets']) mkdirSync(join(home, folder))
  writeFileSync(join(home, 'gateway.db'), 'a database')
  symlinkSync('gateway.db', join(home, 'linked.backup'))
  const way = join(newHome(), 'way')
  symlinkSync(home, way)
  for (const file of [home, way].flatMap(folder => names.map(name => join(folder, name)))) {
    expect(await runCommand(['backup', '--force', file], { home })).toMatchObject(refusal(file))
    expect(await runCommand(['backup', file], { home })).toMatchObject(refusal(file))
  }
})

test('a database that lies elsewhere is no target either', async () => {
  const home = newHome()
  const file = join(newHome(), 'elsewhere.db')
  writeFileSync(file, 'a database')
  symlinkSync(file, join(home, 'gateway.db'))
  expect(await runCommand(['backup', '--force', file], { home })).toMatchObject(refusal(file))
})

test('beside a gateway that runs, neither backup nor export writes over its files, and both write beside them', async () => {
  await using gateway = await testGateway()
  const { home } = gateway
  const id = await newSession(gateway)
  const inode = (file: string) => existsSync(file) && statSync(file).ino
  for (const name of ['gateway.db', 'talon.json', 'run/gateway.lock']) {
    const file = join(home, name)
    const before = inode(file)
    expect(await runCommand(['backup', '--force', file], { home })).toMatchObject(refusal(file))
    expect(await runCommand(['export', id, '--force', '--out', file], { home })).toMatchObject(refusal(file))
    expect(inode(file)).toBe(before)
  }
  expect((await runCommand(['backup', join(home, 'my.backup')], { home })).exitCode).toBe(0)
  expect((await runCommand(['export', id, '--out', join(home, 'my.json')], { home })).exitCode).toBe(0)
})
