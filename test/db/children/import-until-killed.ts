import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { importFolder } from '../../../src/db/legacy/import-folder.ts'
import { openSqliteStore } from '../../../src/db/sqlite/engine.ts'
import { migrationsDir } from '../../support/store.ts'

// Imports a folder and says how many messages it has read so far, until it is killed or done.
const [home = '', path = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir })
const scratch = join(home, 'run')
mkdirSync(scratch, { recursive: true })
await store.dropUnfinishedImports()
const report = await importFolder({
  path,
  home,
  scratch,
  into: { store },
  newId: randomUUID,
  now: Date.now,
  onProgress: ({ messages }) => process.stdout.write(`${messages}\n`),
})
await store.close()
process.stdout.write(`done ${JSON.stringify(report.totals)}\n`)
