import { closeSync, openSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { pageFaults } from '../../src/db/sqlite/quick-check.ts'
import { temporaryHome } from '../support/store.ts'

/** A database with a table and a full-text index, each of many pages. */
function database(): { file: string; check: () => string[]; pageOf: (table: string) => number } {
  const { file, remove } = temporaryHome()
  onTestFinished(remove)
  const made = new Database(file)
  made.exec(`
    CREATE TABLE plain (a TEXT NOT NULL); CREATE INDEX plain_a ON plain (a);
    CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO plain SELECT 'word' || i FROM n;
    INSERT INTO words (rowid, text) SELECT rowid, a FROM plain;
  `)
  // Its first page that is no root: the file has no page of another kind behind it.
  const pageOf = (table: string) =>
    Number(made.prepare("SELECT min(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'").pluck().get(table))
  return {
    file,
    pageOf: table => {
      const page = pageOf(table)
      made.close()
      return page
    },
    check() {
      const opened = new Database(file, { readonly: true })
      try {
        return pageFaults(<Row>(sql: string) => opened.prepare<[], Row>(sql).all(), 3)
      } finally {
        opened.close()
      }
    },
  }
}

test('a sound database has no faults', () => {
  expect(database().check()).toEqual([])
})

test.each(['plain', 'plain_a', 'words_data', 'words_docsize'])('a garbled page of %s is found', table => {
  const { file, pageOf, check } = database()
  const page = pageOf(table)
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(4_096, 0xab), 0, 4_096, (page - 1) * 4_096)
  closeSync(descriptor)
  const faults = check()
  expect(faults.length).toBeGreaterThan(0)
  expect(faults.length).toBeLessThanOrEqual(3)
})
