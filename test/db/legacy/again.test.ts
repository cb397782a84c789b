import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importInto, logOf, message, newFolder, newStore, oldFolder, session, snapshot, writeOld } from './importing.ts'

const three = [message('a', 'one'), message('b', 'two'), message('c', 'three')]

test('what a file has more than at its first import becomes a session of its own', async () => {
  const to = await newStore()
  const folder = oldFolder({ 'x.json': session('x', three) })
  await importInto(to, folder)
  writeOld(join(folder, 'sessions', 'x.json'), session('x', [...three, message('c', 'four'), message('e', 'five')]))
  const { files } = await importInto(to, folder)
  expect(files).toMatchObject([{ outcome: 'grown', messagesRead: 5, messagesStored: 2 }])
  const rest = files[0]?.sessionId ?? ''
  expect((await logOf(to.store, rest)).map(({ message: { content } }) => content)).toEqual(['four', 'five'])
  expect(await to.store.getSession(rest)).toMatchObject({
    title: 'Continued from x',
    senderId: 'u',
    channel: 'webchat',
  })
  expect(await logOf(to.store, 'x')).toHaveLength(3)
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'known', sessionId: rest }])
})

test('a file that only has another time, or other fields, adds nothing', async () => {
  const to = await newStore()
  const folder = oldFolder({ 'x.json': session('x', three) })
  const file = join(folder, 'sessions', 'x.json')
  await importInto(to, folder)
  utimesSync(file, 1_000, 1_000)
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'known', sessionId: 'x' }])
  writeOld(file, session('x', three, { state: 'active', extra: 'field' }))
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'known', sessionId: 'x', messagesStored: 0 }])
  expect(await to.store.counts()).toMatchObject({ sessions: 1, totalMessages: 3 })
})

test('a file that is not what was imported is reported, and imported as another session only where that is asked for', async () => {
  const to = await newStore()
  const folder = oldFolder({ 'x.json': session('x', three) })
  await importInto(to, folder)
  const file = join(folder, 'sessions', 'x.json')
  for (const changed of [[message('z', 'other'), ...three], three.slice(1)]) {
    writeOld(file, session('x', changed))
    const { files, totals } = await importInto(to, folder)
    expect(files).toMatchObject([{ outcome: 'changed', sessionId: null, messagesStored: 0 }])
    expect(files[0]?.error).toContain('talon import --changed')
    expect(totals.failed).toBe(1)
  }
  const { files } = await importInto(to, folder, { changedAsNew: true })
  expect(files).toMatchObject([{ outcome: 'imported', messagesStored: 2 }])
  expect(files[0]?.warnings[0]).toContain('Another session has the id x already')
  expect(await to.store.counts()).toMatchObject({ sessions: 2, totalMessages: 5 })
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'known' }])
})

test('a file that was cut and is whole again gives the rest, with the cut message in full', async () => {
  const to = await newStore()
  const whole = JSON.stringify(session('x', three), null, 2)
  const folder = oldFolder({ 'x.json': whole.slice(0, whole.indexOf('three') + 2) })
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'imported', messagesStored: 3 }])
  writeOld(join(folder, 'sessions', 'x.json'), whole)
  const { files } = await importInto(to, folder)
  expect(files).toMatchObject([{ outcome: 'grown', messagesStored: 1 }])
  const [entry] = await logOf(to.store, files[0]?.sessionId ?? '')
  expect(entry?.message.content).toBe('three')
})

test('one broken file does not stop the others, and says why', async () => {
  const to = await newStore()
  const folder = oldFolder({
    'a.json': session('a', three),
    'array.json': '[1, 2]',
    'binary.json': randomBytes(5_000),
    'empty.json': '',
    'other.json': { name: 'something', version: 3 },
    'string.json': '"just text"',
    'z.json': session('z', three),
  })
  mkdirSync(join(folder, 'sessions', 'folder.json'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'sessions', 'gone.json'))
  writeOld(join(folder, 'sessions', 'backups', 'a.json'), session('backup', three))
  writeOld(join(folder, 'sessions', 'notes.txt'), 'no session')
  const { files, totals } = await importInto(to, folder)
  expect(totals).toMatchObject({ files: 8, sessions: 2, failed: 6, messagesStored: 6 })
  const errors = Object.fromEntries(files.map(({ file, error }) => [file.slice('sessions/'.length), error]))
  expect(errors).toMatchObject({
    'a.json': undefined,
    'array.json': 'The file is no session: it is no JSON object.',
    'empty.json': 'The file is empty.',
    'gone.json': 'The file cannot be read: there is no such file or folder.',
    'other.json': 'The file is no session: it holds neither messages nor an id.',
    'string.json': 'The file is no session: it is no JSON object.',
  })
  expect(await to.store.getSession('backup')).toBeUndefined()
})

test('parts of a file that are no JSON are left out and named, and the rest is there', async () => {
  const to = await newStore()
  const folder = oldFolder({
    'x.json': Buffer.concat([
      Buffer.from(
        '{"id":"x","messages":[{"id":"a","role":"user","content":"one","timestamp":1},{"id":"b" "content":},',
      ),
      Buffer.from('{"id":"c","role":"user","content":"caf'),
      Buffer.from([0xe9]),
      Buffer.from('","timestamp":3}],"config":{bad},"state":"idle"} trailing'),
    ]),
  })
  const { files } = await importInto(to, folder)
  expect(files).toMatchObject([{ outcome: 'imported', messagesRead: 3, messagesStored: 2 }])
  expect(files[0]?.warnings).toEqual([
    'Message 2 is not valid JSON and was left out (21 bytes).',
    'Message 3 holds bytes that are not UTF-8: U+FFFD stands in their place.',
    'The field "config" is not valid JSON and was left out (5 bytes).',
    'Behind the end of the session the file goes on: 8 bytes were left out.',
  ])
  expect((await logOf(to.store, 'x')).map(({ message: { content } }) => content)).toEqual(['one', 'caf\ufffd'])
})

test('a message of tens of megabytes is imported as it is', async () => {
  const to = await newStore()
  const long = `${'wörd '.repeat(6_000_000)}end`
  const folder = oldFolder({ 'x.json': session('x', [message('a', long), message('b', 'short')]) })
  expect((await importInto(to, folder)).files).toMatchObject([{ outcome: 'imported', messagesStored: 2, warnings: [] }])
  expect((await to.store.getMessage('a'))?.message.content === long).toBe(true)
}, 120_000)

test('ids that are taken by other sessions and messages are replaced, and everything is kept', async () => {
  const to = await newStore()
  await to.store.createSession({ id: 'x', senderId: 'somebody', channel: 'else', at: 1 })
  const folder = oldFolder({
    'x.json': session('x', [message('same', 'in x'), message('same', 'again')]),
    'y.json': session('y', [message('same', 'in y')]),
    'copy-of-y.json': session('y', [message('other', 'in another y')]),
  })
  const { files, totals } = await importInto(to, folder)
  expect(totals).toMatchObject({ sessions: 3, messagesStored: 4, warnings: 2, failed: 0 })
  const ids = files.map(({ sessionId }) => sessionId ?? '')
  expect(new Set(ids).size).toBe(3)
  const contents = await Promise.all(
    ids.map(async id => (await logOf(to.store, id)).map(({ message: { content } }) => content)),
  )
  expect(contents.flat().sort()).toEqual(['again', 'in another y', 'in x', 'in y'])
  expect(await to.store.getSession('x')).toMatchObject({ senderId: 'somebody', messageCount: 0 })
})

test('the folder may be one of session files, or one file, and settings in it are no sessions', async () => {
  const to = await newStore()
  const folder = newFolder()
  writeOld(join(folder, 'a.json'), session('a', three))
  writeOld(join(folder, 'b.json'), session('b', three))
  writeOld(join(folder, 'config.json'), { agent: { model: 'x' } })
  expect((await importInto(to, join(folder, 'b.json'))).totals).toMatchObject({ files: 1, sessions: 1 })
  expect((await importInto(to, folder)).files.map(({ outcome }) => outcome)).toEqual(['imported', 'known'])
  await expect(importInto(to, join(folder, 'nothing'))).rejects.toThrow('there is no such file or folder')
})

test('a dry run tells the same and stores nothing', async () => {
  const to = await newStore()
  const folder = oldFolder({ 'a.json': session('a', three), 'b.json': '' })
  const before = [snapshot(folder), readFileSync(to.file)]
  const dry = await importInto(to, folder, { into: { dry: undefined } })
  expect(dry).toMatchObject({ dryRun: true, totals: { sessions: 1, messagesRead: 3, messagesStored: 3, failed: 1 } })
  expect([snapshot(folder), readFileSync(to.file)]).toEqual(before)
  const real = await importInto(to, folder)
  expect({ ...real, dryRun: true }).toEqual(dry)
  const known = await importInto(to, folder, { into: { dry: to.store } })
  expect(known.totals).toMatchObject({ sessions: 0, messagesStored: 0 })
})

test('an import that is ended in the middle leaves nothing, and the next one does it all', async () => {
  const to = await newStore()
  const many = Array.from({ length: 5_000 }, (_, index) => message(`m${index}`, `text ${index} `.repeat(20)))
  const folder = oldFolder({ 'x.json': session('x', many) })
  const ending = new AbortController()
  const onProgress = ({ messages }: { messages: number }) => messages > 1_000 && ending.abort()
  await expect(importInto(to, folder, { signal: ending.signal, onProgress })).rejects.toThrow('abort')
  expect(await to.store.counts()).toMatchObject({ sessions: 0 })
  await to.store.dropUnfinishedImports()
  expect((await importInto(to, folder)).files).toMatchObject([{ sessionId: 'x', messagesStored: 5_000, warnings: [] }])
  expect(await to.store.counts()).toMatchObject({ sessions: 1, totalMessages: 5_000 })
})

test('a file that cannot be read is reported, and the others are imported', async () => {
  const to = await newStore()
  const folder = oldFolder({ 'a.json': session('a', three), 'b.json': session('b', three) })
  const file = join(folder, 'sessions', 'a.json')
  rmSync(file)
  symlinkSync('a.json', file)
  const { files } = await importInto(to, folder)
  expect(files).toMatchObject([{ outcome: 'failed' }, { sessionId: 'b', messagesStored: 3 }])
})

test('of small files with the same content one is imported, whatever their names', async () => {
  const to = await newStore()
  const same = session('x', three)
  const other = session('y', three)
  const folder = oldFolder({ 'a.json': same, 'b.json': same, 'c.json': other, 'd.json': same })
  const { files } = await importInto(to, folder)
  expect(files.map(({ sessionId }) => sessionId)).toEqual(['x', 'x', 'y', 'x'])
  const outcomes = files.map(({ outcome }) => outcome)
  expect(outcomes.toSorted()).toEqual(['imported', 'imported', 'known', 'known'])
  expect(await to.store.counts()).toMatchObject({ sessions: 2 })
})
