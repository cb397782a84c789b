import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/*
 * The /etc of commands: only what programs need to start and to trust certificates, nothing that holds a secret. It is
 * one folder of the data folder, because each mount costs every start of a command time; what changes with the system's
 * packages is mounted into it.
 */

/** What changes while the gateway runs. */
const mounted = ['alternatives', 'ld.so.cache', 'ssl/certs', 'pki/tls/certs']
const mountedWithNetwork = ['hosts', 'resolv.conf']
const copied = ['localtime', 'mime.types', 'nsswitch.conf', 'protocols', 'services', 'ssl/openssl.cnf']

/** A user that exists nowhere outside: files of the workspace are its own, those of the system are not. */
export const innerUser = { id: 1_000, name: 'talon' }

/** As arguments of bubblewrap. */
export interface Configuration {
  binds: string[]
  /** Only with the network. */
  networkBinds: string[]
}

/** Writes the folder anew. */
export async function writeConfiguration(folder: string): Promise<Configuration> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { id, name } = innerUser
  await put(folder, 'passwd', `${name}:x:${id}:${id}::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n`)
  await put(folder, 'group', `${name}:x:${id}:\nnogroup:x:65534:\n`)
  for (const file of copied) {
    await mkdir(dirname(join(folder, file)), { recursive: true, mode: 0o700 })
    // One that is missing here is missing there.
    await copyFile(join('/etc', file), join(folder, file)).catch(() => {})
  }
  const binds = ['--ro-bind', folder, '/etc']
  for (const file of mounted) binds.push(...(await mountOf(folder, file)))
  const networkBinds: string[] = []
  for (const file of mountedWithNetwork) networkBinds.push(...(await mountOf(folder, file)))
  return { binds, networkBinds }
}

/** A mount needs something to lie over. */
async function mountOf(folder: string, file: string): Promise<string[]> {
  const path = join('/etc', file)
  const stats = await stat(path).catch(() => undefined)
  if (!stats) return []
  if (stats.isDirectory()) await mkdir(join(folder, file), { recursive: true, mode: 0o700 })
  else await put(folder, file, '')
  return ['--ro-bind', path, path]
}

function put(folder: string, file: string, text: string): Promise<void> {
  return writeFile(join(folder, file), text, { mode: 0o600 })
}
