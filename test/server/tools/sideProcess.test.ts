import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, deflateRawSync, deflateSync } from 'node:zlib'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { createCompute } from '../../../src/server/tools/compute/compute.ts'
import { createReader } from '../../../src/server/tools/reading/reader.ts'
import { createSideProcess } from '../../../src/server/tools/sideProcess.ts'
import { pdfFile } from './reading/pdf-file.ts'

const { signal } = new AbortController()

describe('what needs more memory than there is ends the process that works on it, and nothing else', () => {
  const compute = createCompute({ timeLimitMs: 60_000 })
  afterAll(() => compute.close())
  const tooMuch = { code: 'TOO_LARGE', message: expect.stringContaining('768 MiB') }

  test('a matrix that is one allocation', async () => {
    await expect(compute.run({ name: 'calculate', expression: 'zeros(30000000)' }, signal)).rejects.toMatchObject(
      tooMuch,
    )
    expect(await compute.run({ name: 'calculate', expression: '1 + 1' }, signal)).toBe('2')
  })

  test('a text that a query makes long', async () => {
    const task = { name: 'query', json: '"a"', query: 'pad_left(@, `530000000`)', maxChars: 100 } as const
    await expect(compute.run(task, signal)).rejects.toMatchObject(tooMuch)
    expect(await compute.run({ ...task, query: '@' }, signal)).toBe('"a"')
  })

  test('a small PDF that unpacks to gigabytes', async () => {
    await using reader = disposable(createReader({ timeLimitMs: 60_000 }))
    const source = { url: 'http://a.test/', contentType: 'application/pdf', cut: false, maxChars: 1_000 }
    const bomb = { ...source, bytes: packedPdf(deflateSync(zeros(1_500))) }
    expect(bomb.bytes.length).toBeLessThan(10_000)
    await expect(reader.read(bomb, signal)).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringMatching(/a PDF that takes too long to read, or too much memory/),
    })
    const read = await reader.read({ ...source, bytes: pdfFile(['Still here']) }, signal)
    expect(read.text).toContain('Still here')
  })
})

test('one that is closed while it works leaves no process, and whoever waits hears why', async () => {
  const compute = createCompute()
  const before = new Set(childrenHere())
  const running = compute.run({ name: 'calculate', expression: '2^(10^9)' }, signal)
  const ended = expect(running).rejects.toMatchObject({ code: 'DRAINING' })
  await expect.poll(() => childrenHere().filter(pid => !before.has(pid))).toHaveLength(1)
  await compute.close()
  await ended
  expect(childrenHere().filter(pid => !before.has(pid))).toEqual([])
  await expect(compute.run({ name: 'calculate', expression: '1' }, signal)).rejects.toMatchObject({ code: 'DRAINING' })
})

test('one whose library was outwitted writes nothing, starts nothing, and reads nothing but the program', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'talon-side-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const entry = join(folder, 'work.mjs')
  writeFileSync(
    entry,
    `import { spawnSync } from 'node:child_process'
    import { readFileSync, writeFileSync } from 'node:fs'
    const acts = [() => spawnSync('/bin/true'), () => writeFileSync('${folder}/x', ''), () => readFileSync('/etc/passwd')]
    const tried = act => { try { return String(act()) } catch (error) { return error.code } }
    process.on('message', () => process.send({ answer: [...acts.map(tried), JSON.stringify(process.env)] }))`,
  )
  const bounds = { timeLimitMs: 60_000, idleMs: 60_000, maxHeapMib: 64, maxMemoryMib: 512 }
  const side = createSideProcess<object, string[]>({ entry: pathToFileURL(entry), ...bounds })
  const ended = await side.ask({}, signal)
  await side.close()
  expect(ended).toEqual({ answer: ['ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED', expect.any(String)] })
  expect(JSON.stringify(ended)).not.toContain('PATH')
})

function disposable(reader: ReturnType<typeof createReader>) {
  return { ...reader, [Symbol.asyncDispose]: () => reader.close() }
}

/** So many megabytes of zeros, packed: each like the one before. */
function zeros(megabytes: number): Buffer {
  const one = deflateRawSync(Buffer.alloc(1_000_000), { finishFlush: constants.Z_FULL_FLUSH })
  return Buffer.concat([
    Buffer.from([0x78, 0x9c]),
    ...Array.from({ length: megabytes }, () => one),
    Buffer.from([3, 0]),
  ])
}

/** A PDF with one page whose content is packed twice. */
function packedPdf(content: Buffer): Buffer {
  const stream = content.toString('latin1')
  const plain = pdfFile(['x']).toString('latin1')
  // Its table of contents does not fit any more, and is made anew by whoever reads it.
  const packed = `<< /Length ${content.length} /Filter [/FlateDecode /FlateDecode] >>\nstream\n${stream}\nendstream`
  return Buffer.from(
    plain.replace(/<< \/Length \d+ >>\nstream\n.*\nendstream/, () => packed),
    'latin1',
  )
}

/** Processes that this one started and that run. */
function childrenHere(): number[] {
  return readdirSync('/proc/self/task').flatMap(thread =>
    readFileSync(`/proc/self/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
}
