import { expect, test } from 'vitest'
import { ownDoc, ownDocs } from '../../src/server/own-docs.ts'

test('the documentation is listed by title, and read by a name that is in the list only', async () => {
  const docs = await ownDocs()
  expect(docs).toContainEqual({ name: 'limits', title: 'Limits' })
  expect(await ownDoc('limits')).toMatch(/^# Limits/)
  for (const name of ['', '..', '../README', 'limits.md', 'screenshots', '%2e%2e/package']) {
    expect(await ownDoc(name)).toBeUndefined()
  }
})
