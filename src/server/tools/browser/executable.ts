import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * Where Chromium is on most systems. Not along PATH, which whoever starts the gateway can set. Debian's /usr/bin/chromium
 * is a script that needs more of the system than the browser itself, so that comes first.
 */
const places = [
  '/usr/lib/chromium/chromium',
  '/usr/lib/chromium-browser/chromium-browser',
  '/usr/lib64/chromium-browser/chromium-browser',
  '/opt/google/chrome/chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/run/current-system/sw/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const install =
  'Install it: apt-get install chromium (Debian), dnf install chromium (Fedora), apk add chromium (Alpine)'

/** The Chromium of this machine, or why there is none, with the fix. */
export function findExecutable(setting: string | null): { path: string } | { missing: string } {
  if (setting !== null) {
    if (isProgram(setting)) return { path: setting }
    return { missing: `The setting browser.executable names ${setting}, which is no program that can be started.` }
  }
  const path = places.find(isProgram) ?? downloaded().find(isProgram)
  if (path !== undefined) return { path }
  return { missing: `There is no Chromium on this machine. ${install}, or name one by the setting browser.executable.` }
}

/** Those that Playwright downloaded for other programs of this account, the newest first. */
function downloaded(): string[] {
  const home = userInfo().homedir
  const folders = [join(home, '.cache', 'ms-playwright'), join(home, 'Library', 'Caches', 'ms-playwright')]
  const builds = folders.flatMap(folder => namesIn(folder).map(name => join(folder, name)))
  return builds
    .filter(build => /chromium-\d+$/.test(build))
    .sort((a, b) => Number(b.split('-').at(-1)) - Number(a.split('-').at(-1)))
    .flatMap(build => ['chrome-linux64/chrome', 'chrome-linux/chrome'].map(program => join(build, program)))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
