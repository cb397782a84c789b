import { commitBatch } from '../../../src/db/sqlite/commit.ts'
import { openWriter } from '../../../src/db/sqlite/open.ts'

// Erases what was deleted, step by step, and says each step, until it is killed.
const [file = ''] = process.argv.slice(2)
const connection = openWriter(file)
for (;;) {
  commitBatch(connection, [{ name: 'eraseStep', input: { before: 9 } }])
  process.stdout.write('step\n')
  await new Promise(resolve => setImmediate(resolve))
}
