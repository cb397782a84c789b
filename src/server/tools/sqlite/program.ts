/**
 * What the child of `sqlite_query` runs: it answers one query on the database that its argument names, a copy of its
 * own, and says rows or a problem as one line of JSON. Nothing but reading is authorized, by SQLite itself.
 */
export const sqliteProgram = `
import { accessSync, constants as files, copyFileSync, existsSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { constants, DatabaseSync } from 'node:sqlite'
const { query, maxRows, maxBytes, maxCellChars } = JSON.parse(await text(process.stdin))
const file = process.argv[1]
const asked = ['table_info', 'table_xinfo', 'index_list', 'index_info', 'index_xinfo', 'foreign_key_list', 'foreign_key_check', 'integrity_check', 'quick_check', 'table_list']
const plain = ['database_list', 'collation_list', 'function_list', 'module_list', 'pragma_list', 'compile_options', 'user_version', 'schema_version', 'application_id', 'encoding', 'page_size', 'page_count', 'data_version', 'freelist_count', 'journal_mode']
const unsafe = ['load_extension', 'readfile', 'writefile', 'edit', 'fts3_tokenizer']
const allow = (action, first, second) => {
  if (action === constants.SQLITE_PRAGMA) {
    const name = String(first).toLowerCase()
    return asked.includes(name) || (second === null && plain.includes(name))
  }
  if (action === constants.SQLITE_FUNCTION) return !unsafe.includes(String(second).toLowerCase())
  // R-trees prepare these before they are asked to write, which the read-only database would refuse.
  if (action === constants.SQLITE_INSERT || action === constants.SQLITE_DELETE) return /_(node|rowid|parent)$/.test(first)
  return [constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_RECURSIVE].includes(action)
}
// A log that was not written back, or a transaction that was cut off, is settled by SQLite, which writes then.
const isUnsettled = ['-wal', '-journal'].some(end => existsSync(file + end) && statSync(file + end).size > 0)
const isWritable = () => {
  try {
    accessSync(file, files.W_OK)
    return true
  } catch {
    return false
  }
}
const openUnsettled = () => {
  let own = file
  if (!isWritable()) {
    own = join(mkdtempSync(join(tmpdir(), 'query-')), 'database')
    for (const end of ['', '-wal', '-journal']) if (existsSync(file + end)) copyFileSync(file + end, own + end)
  }
  const database = new DatabaseSync(own)
  database.exec('PRAGMA query_only = ON')
  return database
}
const openSettled = () => {
  const url = pathToFileURL(file)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true })
}
const shown = value => {
  if (value === null) return null
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return "x'" + Buffer.from(value.subarray(0, 32)).toString('hex') + (value.length > 32 ? "…' (" + value.length + ' bytes)' : "'")
  if (typeof value === 'string' && value.length > maxCellChars) return value.slice(0, maxCellChars).toWellFormed() + '… (' + value.length + ' characters)'
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
const answer = () => {
  const database = isUnsettled ? openUnsettled() : openSettled()
  // A file that is no database is found by the first look into it.
  database.prepare('SELECT 1 FROM sqlite_schema').get()
  database.setAuthorizer((...about) => (allow(...about) ? constants.SQLITE_OK : constants.SQLITE_DENY))
  const statement = database.prepare(query)
  const rest = query.slice(statement.sourceSQL.length).replace(/--[^\\n]*|\\/\\*[^]*?(\\*\\/|$)|[\\s;]/g, '')
  if (rest !== '') return { problem: 'Give one statement, not several.' }
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const columns = statement.columns().map(({ name }) => name)
  const rows = []
  let bytes = 0
  let more
  for (const row of statement.iterate()) {
    if (rows.length >= maxRows) {
      more = 'rows'
      break
    }
    const cells = row.map(shown)
    bytes += Buffer.byteLength(JSON.stringify(cells))
    if (bytes > maxBytes) {
      more = 'bytes'
      break
    }
    rows.push(cells)
  }
  return { columns, rows, more }
}
let said
try {
  said = answer()
} catch (error) {
  said = { problem: error instanceof Error ? error.message : String(error), code: error?.errcode }
}
process.stdout.write(JSON.stringify(said))
`
