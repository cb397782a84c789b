import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row } from './support/table.ts'

const program = join(import.meta.dirname, '..', 'bin', 'talon.mjs')
const megabyte = 1_000_000
const smallFiles = 5_000
const messagesInSmall = 20
const lookEveryMs = 20

/** `talon import`: a small and a large file beside each other, so that it shows whether memory follows size; many small ones. */
export async function importing(): Promise<Row[]> {
  return [
    await oneFile(20),
    await oneFile(200),
    await measured(`${smallFiles.toLocaleString('en')} files of ${messagesInSmall} messages`, manyFiles),
  ]
}

function oneFile(megabytes: number): Promise<Row> {
  return measured(`one file of ${megabytes} MB`, folder => writeLarge(join(folder, 'large.json'), megabytes * megabyte))
}

async function measured(what: string, make: (folder: string) => unknown): Promise<Row> {
  const [home, folder] = [mkdtempSync(join(tmpdir(), 'talon-bench-')), mkdtempSync(join(tmpdir(), 'talon-bench-'))]
  try {
    mkdirSync(join(folder, 'sessions'))
    await make(join(folder, 'sessions'))
    const { messages, seconds, peakMiB } = await run(home, folder)
    const rate = Math.round(messages / seconds).toLocaleString('en')
    const count = messages.toLocaleString('en')
    return { what, figure: `${rate} messages/s, peak ${peakMiB.toFixed(0)} MiB (${count} in ${seconds.toFixed(1)} s)` }
  } finally {
    rmSync(home, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** From the start of the process to its end, with the way through the start, the migrations and the check at the end. */
async function run(home: string, folder: string): Promise<{ messages: number; seconds: number; peakMiB: number }> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [program, 'import', folder, '--home', home, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let peakMiB = 0
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid ?? 0))
  }, lookEveryMs)
  let out = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  await once(child, 'close')
  clearInterval(timer)
  const { totals } = JSON.parse(out)
  return { messages: totals.messagesStored, seconds: (performance.now() - startedAt) / 1000, peakMiB }
}

/** The most that a process has held so far; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kib ?? 0) / 1024
  } catch {
    return 0
  }
}

async function writeLarge(file: string, bytes: number): Promise<void> {
  const out = createWriteStream(file)
  out.write(
    '{\n  "id": "sess_large",\n  "senderId": "bench",\n  "channel": "webchat",\n  "state": "idle",\n  "messages": [\n',
  )
  let written = 0
  for (let index = 0; written < bytes; index++) {
    const text = `${index === 0 ? '' : ',\n'}${JSON.stringify(messageOf(index), null, 2).replace(/^/gm, '    ')}`
    written += text.length
    if (!out.write(text)) await once(out, 'drain')
  }
  out.end('\n  ],\n  "memorySummary": "",\n  "metadata": {},\n  "config": {}\n}\n')
  await once(out, 'finish')
}

function manyFiles(folder: string): void {
  for (let index = 0; index < smallFiles; index++) {
    const messages = Array.from({ length: messagesInSmall }, (_, place) => messageOf(index * messagesInSmall + place))
    const session = {
      id: `sess_${index}`,
      senderId: 'bench',
      channel: 'webchat',
      state: 'idle',
      messages,
      metadata: {},
    }
    writeFileSync(join(folder, `sess_${index}.json`), JSON.stringify(session, null, 2))
  }
}

/** Questions, answers, tool calls and results, about 430 bytes each as v0.3.3 wrote them. */
function messageOf(index: number): Record<string, unknown> {
  const common = { id: `msg_${index.toString(36)}`, timestamp: 1_771_480_800_000 + index * 10 }
  if (index % 4 === 1) {
    const toolCalls = [{ id: `call_${index}`, tool: 'web_search', args: { query: `something ${index}` } }]
    return { ...common, role: 'assistant', content: '', toolCalls }
  }
  if (index % 4 === 2) {
    const output = `${'Result '.repeat(20)}${index}`
    const metadata = { executionTime: 3, confirmation: `call_${index - 1}` }
    return { ...common, role: 'tool', content: output, toolResults: [{ success: true, output, metadata }] }
  }
  const content = `A sentence that somebody would say to somebody, number ${index}. `.repeat(1 + (index % 12))
  return { ...common, role: index % 4 === 0 ? 'user' : 'assistant', content, channel: 'webchat' }
}
