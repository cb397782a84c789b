import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { plainEnvironment } from '../support/program.ts'

const repository = join(import.meta.dirname, '..', '..')

/** A folder with the real entry and build scripts around a program of a few lines. */
export function newCheckout(program: string): string {
  const root = mkdtempSync(join(tmpdir(), 'talon-checkout-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const name of ['bin', 'scripts', 'vite.config.ts', 'package.json']) {
    cpSync(join(repository, name), join(root, name), { recursive: true })
  }
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
  const files = {
    'src/cli/main.ts': program,
    'src/db/sqlite/writer.ts': 'export const writer = 1\n',
    'src/db/sqlite/backup-worker.ts': 'export const tasks = {}\n',
    'src/islands/boot.ts': 'document.title = "booted"\n',
    'src/client/index.ts': 'export function connect(): string { return "connected" }\n',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

export interface Finished {
  exitCode: number | null
  out: string
  err: string
}

/** Runs a program to its end. */
export function finish(file: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const child = spawn(file, args, { env: plainEnvironment(), ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => (out += chunk))
  child.stderr.on('data', chunk => (err += chunk))
  return new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', exitCode => resolve({ exitCode, out, err }))
  })
}

/** A Node of this machine that is too old for Talon, if it has one. */
export function findOldNode(): string | undefined {
  const candidates = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'].map(folder =>
    join(folder, 'node'),
  )
  return candidates.find(file => {
    try {
      accessSync(file, constants.X_OK)
      return Number.parseInt(execFileSync(file, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10) < 24
    } catch {
      return false
    }
  })
}
