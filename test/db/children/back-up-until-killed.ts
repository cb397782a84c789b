import { join } from 'node:path'
import { backUp } from '../../../src/db/sqlite/backup.ts'

// Makes one backup after the other, and says each that is finished, until it is killed.
const [file = '', folder = ''] = process.argv.slice(2)
for (let count = 1; ; count++) {
  const name = `gateway-2026-02-19T120000Z-manual-${count + 1}.backup`
  process.stdout.write('begun\n')
  await backUp({ name: file }, join(folder, name))
  process.stdout.write(`${name}\n`)
}
