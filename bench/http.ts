import { Pool } from 'undici'
import { percentile, type Reading } from './support/measure.ts'
import { type Server, startPeer, startTalon, token } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const connections = 50
const time = { durationMs: 4_000, warmUpMs: 1_500 }
const scrapes = 100

/** The cheapest request over HTTP beside Hono alone in the same minute, and what a scrape takes after it. */
export async function http(): Promise<Row[]> {
  const bare = await startPeer('bare-hono.ts')
  const ceiling = await measureLivez(bare)
  await bare.stop()
  const talon = await startTalon()
  const reading = await measureLivez(talon)
  const rows = [
    row(`bare Hono /livez, ${connections} connections`, ceiling),
    row(`/livez, ${connections} connections`, reading, { against: ceiling, of: 'bare Hono' }),
    await scrape(talon),
  ]
  await talon.stop()
  return rows
}

async function measureLivez({ port }: Server): Promise<Reading> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })
  const latencies: number[] = []
  const startedAt = performance.now()
  const elapsedMs = () => performance.now() - startedAt
  const ask = async () => {
    while (elapsedMs() < time.warmUpMs + time.durationMs) {
      const sentAt = performance.now()
      const { body } = await pool.request({ path: '/livez', method: 'GET' })
      await body.dump()
      if (elapsedMs() > time.warmUpMs) latencies.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: connections }, ask))
  const seconds = (elapsedMs() - time.warmUpMs) / 1_000
  await pool.close()
  return readingOf(latencies, latencies.length / seconds)
}

async function scrape({ port }: Server): Promise<Row> {
  const latencies: number[] = []
  let page = ''
  for (let count = 0; count < scrapes; count++) {
    const sentAt = performance.now()
    page = await (
      await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } })
    ).text()
    latencies.push(performance.now() - sentAt)
  }
  const series = page.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
  const reading = readingOf(latencies, (1_000 * scrapes) / latencies.reduce((sum, ms) => sum + ms))
  return row(`/metrics, one after another, ${series} series`, reading)
}

function readingOf(latencies: number[], perSecond: number): Reading {
  latencies.sort((a, b) => a - b)
  return {
    perSecond,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    count: latencies.length,
    refused: 0,
  }
}
