import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

// Nothing that a test opens may talk to anyone but the gateway; a container has no user namespace for the sandbox.
const flags = [
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** For `expect.poll`: a busy machine may take its time, and a right answer ends the wait at once. */
export const patience = { timeout: 15_000 }

/** Why there is no browser here, for `describe.skipIf`; undefined if there is one. With `CI` set its absence is an error. */
export function whyNoBrowser(): string | undefined {
  if (findBrowser()) return undefined
  const reason = 'no Chromium was found: set CHROMIUM to its path, or install Debian’s package "chromium"'
  if (process.env['CI']) throw new Error(`The browser tests must run here, and ${reason}.`)
  console.warn(`Browser tests are skipped: ${reason}.`)
  return reason
}

/** Starts the browser. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser()
  if (!executablePath) throw new Error('There is no Chromium here.')
  const isRoot = process.getuid?.() === 0
  return chromium.launch({ executablePath, args: isRoot ? ['--no-sandbox', ...flags] : flags })
}

function findBrowser(): string | undefined {
  return [process.env['CHROMIUM'], ...places].find(path => path !== undefined && path !== '' && isExecutable(path))
}

/** Installs a missing browser where nobody has to be asked for a password, as in a container; once, before all tests. */
export function installBrowser(): void {
  if (findBrowser() || process.getuid?.() !== 0 || !isExecutable('/usr/bin/apt-get')) return
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' })
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { stdio: 'ignore' })
  } catch {
    // The tests that need it say that it is missing.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
