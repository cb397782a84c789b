import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { backup } from './backup.ts'
import { cache } from './cache.ts'
import { dashboard } from './dashboard.ts'
import { durable } from './durable.ts'
import { http } from './http.ts'
import { importing } from './import.ts'
import { limits } from './limits.ts'
import { logs } from './logs.ts'
import { pages } from './pages.ts'
import { pools } from './pools.ts'
import { search } from './search.ts'
import { start } from './start.ts'
import { storage } from './storage.ts'
import { print } from './support/table.ts'
import { tools } from './tools.ts'
import { ws } from './ws.ts'

const benchmarks = {
  start,
  ws,
  http,
  durable,
  storage,
  pools,
  cache,
  search,
  backup,
  import: importing,
  limits,
  logs,
  tools,
  pages,
  dashboard,
}

// Those that take minutes, or need a browser, run only where they are named.
const aside = ['pages', 'dashboard']

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' } },
})
const minutes = Math.max(1, Math.floor(Number(values.minutes)) || 1)
const unknown = asked.find(name => !Object.hasOwn(benchmarks, name))
if (unknown !== undefined) {
  console.error(`There is no benchmark "${unknown}". There are: ${Object.keys(benchmarks).join(', ')}.`)
  process.exit(2)
}
const built = spawnSync(process.execPath, [join(import.meta.dirname, '..', 'scripts', 'build.mjs')], {
  stdio: 'inherit',
})
if (built.status !== 0) process.exit(1)
const [cpu] = cpus()
console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}; client and server on this machine.`,
)
for (const [name, run] of Object.entries(benchmarks)) {
  if (asked.length === 0 ? !aside.includes(name) : asked.includes(name)) print(name, await run({ minutes }))
}
