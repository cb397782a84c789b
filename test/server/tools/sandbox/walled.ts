import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../../../src/server/config.ts'
import { openLog } from '../../../../src/server/log.ts'
import type { Config } from '../../../../src/server/settings.ts'
import type { ChildResult } from '../../../../src/server/tools/child.ts'
import { type Command, createSandbox, type Sandbox } from '../../../../src/server/tools/sandbox/sandbox.ts'

/** A sandbox with a data folder of its own. */
export interface Walled extends AsyncDisposable {
  sandbox: Sandbox
  home: string
  workspace: string
  /** What was logged, one JSON line each. */
  lines: string[]
  /** Runs a script of the shell. */
  shell(script: string, more?: Partial<Command>): Promise<ChildResult>
}

export async function walled(settings: Partial<Config> = {}, more: { keepFreeBytes?: number } = {}): Promise<Walled> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'talon-sandbox-')))
  const workspace = join(home, 'workspace')
  mkdirSync(workspace)
  const config = { ...loadConfig({ home, env: {} }).values, ...settings }
  const lines: string[] = []
  const log = openLog({ level: 'debug', write: line => lines.push(line) })
  let count = 0
  const newId = () => `walled-${process.pid}-${++count}`
  const sandbox = createSandbox({ home, workspace, config, log, newId, ...more })
  await sandbox.probe()
  const signal = new AbortController().signal
  return {
    sandbox,
    home,
    workspace,
    lines,
    shell: (script, more) =>
      sandbox.run({
        argv: ['/bin/sh', '-c', script],
        cwd: workspace,
        signal,
        id: newId(),
        maxOutputBytes: 262_144,
        ...more,
      }),
    async [Symbol.asyncDispose]() {
      await sandbox.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
