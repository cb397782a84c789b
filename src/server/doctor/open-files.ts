import { type Check, info, ok, warn } from './check.ts'

// The database, its readers, logs, sockets to providers, pipes to tools, requests over HTTP.
const reserve = 512

/** Whether a process may have as many sockets open as the settings let clients have. */
export const openFilesCheck: Check = {
  name: 'open-files',
  group: 'program',
  look({ machine, holder, config }) {
    const running = holder?.port ? holder.pid : undefined
    const most = machine.openFiles(running ?? process.pid)
    if (most === undefined) return [info('program.files', 'How many files it may open is not known here.', null)]
    const connections = config?.['server.maxConnections'] ?? 0
    const whose = running === undefined ? 'A process of this account' : 'The gateway'
    if (most === Number.POSITIVE_INFINITY) return [ok('program.files', `${whose} may open any number of files.`)]
    const title = `${whose} may open ${most} files (ulimit -n)`
    if (most >= connections + reserve) return [ok('program.files', `${title}.`)]
    const fewer = Math.max(1, most - reserve)
    return [
      warn(
        'program.files',
        `${title}, and server.maxConnections is ${connections}.`,
        'Each connection is a file: connections beyond that fail, and so does whatever else needs one.',
        `ulimit -n 65536 before the start (LimitNOFILE=65536 in a unit), or: talon config set server.maxConnections=${fewer}`,
      ),
    ]
  },
}
