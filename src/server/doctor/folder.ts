import { accessSync, constants, lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { bad, type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { namesText, quoted, reasonOf } from './words.ts'

// A folder with more files than this was not filled by a gateway alone; the first ones tell enough.
const maxFilesPerFolder = 1_000
const foldersOfOurs = ['', 'run', 'backups', 'secrets', 'exports', 'logs']

/** Whether the data folder is there, is ours, can be written and is closed to others. */
export const folderCheck: Check = {
  name: 'folder',
  group: 'folder',
  look(subject) {
    const stat = statSync(subject.home, { throwIfNoEntry: false })
    if (!stat) {
      const title = `There is no data folder ${subject.home} yet.`
      return [info('folder.there', title, null, 'Nothing, if that is the right one: talon start makes it.')]
    }
    if (!stat.isDirectory()) {
      const fix = 'Move it away, or choose another data folder with TALON_HOME or --home.'
      return [bad('folder.there', `${subject.home} is no folder.`, null, fix)]
    }
    return [
      ok('folder.there', subject.home),
      ...lookAtOwner(subject, stat),
      ...lookAtMode(subject, stat),
      ...lookAtWriting(subject),
      ...lookAtFiles(subject, stat),
    ]
  },
}

function lookAtOwner({ home, machine: { userId } }: Subject, { uid }: Stats): Finding[] {
  if (userId === undefined || userId === uid) return [ok('folder.owner', 'It belongs to this account.')]
  const title = `It belongs to account ${uid}, and this is account ${userId}.`
  // Root may look into everything, but a gateway that it starts leaves files that the other account cannot write.
  if (userId === 0)
    return [info('folder.owner', title, null, `Run talon as account ${uid}: files of root would be in its way.`)]
  return [bad('folder.owner', title, null, `Run talon as account ${uid}, or: sudo chown -R ${userId} ${quoted(home)}`)]
}

function lookAtMode({ home }: Subject, { mode }: Stats): Finding[] {
  const rights = mode & 0o777
  if (rights === 0o700) return [ok('folder.mode', 'Only its owner may enter it.')]
  const title = `Its mode is ${rights.toString(8)}, and should be 700.`
  const detail = (rights & 0o077) === 0 ? null : 'Other accounts of this machine may look into it.'
  return [warn('folder.mode', title, detail, `chmod 700 ${quoted(home)}`)]
}

function lookAtWriting({ home, file }: Subject): Finding[] {
  const folder = whyClosed(home)
  // What is in it cannot be written either, for the same reason.
  if (folder.length > 0) return folder
  const inside = [join(home, 'run'), join(home, 'backups'), file, `${file}-wal`, `${file}-shm`]
  const closed = inside.flatMap(whyClosed)
  return closed.length > 0 ? closed : [ok('folder.writable', 'It can be written.')]
}

function whyClosed(path: string): Finding[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  try {
    accessSync(path, stat.isDirectory() ? constants.W_OK | constants.X_OK : constants.W_OK)
    return []
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    return [bad('folder.writable', `${path} cannot be written.`, `${reasonOf(thrown)}.`, howToOpen(code, path))]
  }
}

function howToOpen(code: unknown, path: string): string {
  if (code === 'EROFS') return 'Its disk is mounted read-only: see why (dmesg), and mount it for writing.'
  if (code === 'EPERM') return `It is marked as unchangeable: sudo chattr -i ${quoted(path)}`
  return `Give this account the right to write it: chmod u+rwX ${quoted(path)}, or chown it.`
}

function lookAtFiles({ home }: Subject, { uid }: Stats): Finding[] {
  const files = foldersOfOurs.flatMap(folder => [...folderItself(home, folder), ...filesIn(home, folder)])
  const open = files.filter(({ stat }) => (stat.mode & 0o077) !== 0).map(({ name }) => name)
  const foreign = files.filter(({ stat }) => stat.uid !== uid).map(({ name }) => name)
  const found: Finding[] = []
  if (open.length > 0) {
    const title = 'Other accounts of this machine may read files that are nobody else’s.'
    // Takes all rights of others from files and folders alike.
    const fix = `cd ${quoted(home)} && chmod go= ${open.slice(0, 5).map(quoted).join(' ')}${open.length > 5 ? ' …' : ''}`
    found.push(warn('folder.files', title, namesText(open), fix))
  }
  if (foreign.length > 0) {
    const title = 'Files in it belong to another account than the folder.'
    const detail = `${namesText(foreign)}. A start as root leaves such files.`
    found.push(warn('folder.foreign', title, detail, `sudo chown -R ${uid} ${quoted(home)}`))
  }
  return found.length > 0 ? found : [ok('folder.files', 'Its files are for their owner only.')]
}

/** A folder of ours below the data folder. */
function folderItself(home: string, folder: string): { name: string; stat: Stats }[] {
  const stat = folder === '' ? undefined : lstatSync(join(home, folder), { throwIfNoEntry: false })
  return stat?.isDirectory() ? [{ name: folder, stat }] : []
}

/** Files that hold something of ours; what old versions left is not ours to judge. */
function filesIn(home: string, folder: string): { name: string; stat: Stats }[] {
  if (!statSync(join(home, folder), { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(join(home, folder))
    .filter(name => folder !== '' || /^(gateway\.|talon\.json(\.|$))/.test(name))
    .slice(0, maxFilesPerFolder)
    .flatMap(name => {
      const stat = lstatSync(join(home, folder, name), { throwIfNoEntry: false })
      return stat?.isFile() ? [{ name: join(folder, name), stat }] : []
    })
}
