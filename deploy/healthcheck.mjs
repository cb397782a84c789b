// The health command of the container image: exit code 0 if the gateway of this data folder answers.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const timeoutMs = 4_000

try {
  // The address is taken from where the gateway says it, because settings have more places than the environment.
  const { host, port } = JSON.parse(
    readFileSync(join(process.env.TALON_HOME ?? '/data', 'run', 'gateway.json'), 'utf8'),
  )
  const near = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
  const name = near.includes(':') && !near.startsWith('[') ? `[${near}]` : near
  const { status } = await fetch(`http://${name}:${port}/livez`, { signal: AbortSignal.timeout(timeoutMs) })
  console.log(`GET /livez: ${status}`)
  process.exitCode = status === 200 ? 0 : 1
} catch (error) {
  console.log(`The gateway does not answer: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
