import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type Check, type Finding, info, ok, type Subject, warn } from './check.ts'

const maxWordsLength = 300
// What a command in it gets: the system to read, nothing of the network, namespaces of its own.
const trial = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--unshare-all', '--die-with-parent', 'true']

/** Whether bubblewrap, which walls in commands of tools, is there and works: by running something in it. */
export const sandboxCheck: Check = {
  name: 'sandbox',
  group: 'program',
  async look(subject) {
    if (subject.machine.platform !== 'linux') {
      return [info('program.sandbox', 'Bubblewrap, which walls in commands of tools, is for Linux only.', null)]
    }
    const outcome = await tryOut(subject)
    if (outcome === 'works') return [ok('program.sandbox', 'Bubblewrap works: commands of tools can be walled in.')]
    if (outcome === 'missing') return lookAtMissing(subject)
    const title = 'Bubblewrap is there and does not work: commands of tools cannot be walled in.'
    return [warn('program.sandbox', title, `It said: ${outcome.words}`, howToMend())]
  },
}

function lookAtMissing({ machine }: Subject): Finding[] {
  const title = 'Bubblewrap is missing: commands of tools cannot be walled in.'
  return [warn('program.sandbox', title, null, howToInstall(machine.osRelease))]
}

async function tryOut({ env, patience }: Subject): Promise<'works' | 'missing' | { words: string }> {
  const { promise, resolve } = Promise.withResolvers<'works' | 'missing' | { words: string }>()
  const child = spawn('bwrap', trial, {
    env: { PATH: env['PATH'] || '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  const late = setTimeout(() => {
    child.kill('SIGKILL')
    // A child of its own may keep the pipe open: it is not waited for.
    child.stderr.destroy()
    resolve({ words: `nothing within ${patience.programMs / 1_000} s.` })
  }, patience.programMs)
  child.stderr.on('data', chunk => {
    if (said.length < maxWordsLength) said += chunk
  })
  child.on('error', error => resolve('code' in error && error.code === 'ENOENT' ? 'missing' : { words: error.message }))
  child.on('close', code => resolve(code === 0 ? 'works' : { words: wordsOf(said, code) }))
  return promise.finally(() => clearTimeout(late))
}

function wordsOf(said: string, code: number | null): string {
  const [first = ''] = said.trim().split('\n')
  return first === '' ? `nothing, and ended with ${code}.` : first.slice(0, maxWordsLength)
}

// ID and ID_LIKE of os-release(5), and how each of these installs a package.
const installers: readonly (readonly [system: RegExp, command: string])[] = [
  [/\b(debian|ubuntu)\b/, 'apt-get install bubblewrap'],
  [/\b(fedora|rhel|centos)\b/, 'dnf install bubblewrap'],
  [/\balpine\b/, 'apk add bubblewrap'],
  [/\barch\b/, 'pacman -S bubblewrap'],
  [/\b(suse|opensuse\S*)\b/, 'zypper install bubblewrap'],
]

function howToInstall(osRelease: string): string {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].map(([, id]) => id).join(' ')
  const found = installers.find(([system]) => system.test(ids))
  return `sudo ${found?.[1] ?? 'apt-get install bubblewrap'}`
}

// What Debian, Ubuntu and the kernel itself forbid namespaces with, the text that says so, and what takes it back.
const switches: readonly (readonly [file: string, off: string, fix: string])[] = [
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sudo sysctl kernel.unprivileged_userns_clone=1'],
  [
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile of AppArmor for /usr/bin/bwrap',
  ],
  ['/proc/sys/user/max_user_namespaces', '0', 'sudo sysctl user.max_user_namespaces=15000'],
]

function howToMend(): string {
  const found = switches.find(([file, off]) => existsSync(file) && readFileSync(file, 'utf8').trim() === off)
  return (
    found?.[2] ??
    'Let this account make namespaces. In a container that takes: --security-opt seccomp=unconfined --security-opt systempaths=unconfined'
  )
}
