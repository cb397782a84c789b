/** Port at which the browser finds its proxy, behind its wall. */
export const relayPort = 3128

/**
 * What runs behind the wall beside the browser: it starts it and hands it the descriptors 3 and 4, leads its connections
 * to the proxy through a socket of the file system, the only way out, and ends all when they use too much memory.
 * Arguments: socket, port, bytes of memory, and the command of the browser.
 */
export const relayProgram = `
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
const [socket, port, maxBytes, program, ...args] = process.argv.slice(1)
const server = createServer({ allowHalfOpen: true }, near => {
  const far = connect({ path: socket, allowHalfOpen: true })
  near.on('error', () => far.destroy())
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
  near.pipe(far)
  far.pipe(near)
})
const figure = (status, name) => Number(new RegExp('^' + name + ':\\\\s*(\\\\d+)', 'm').exec(status)?.[1] ?? 0)
const used = () => {
  let kibibytes = 0
  for (const pid of readdirSync('/proc')) {
    if (!/^\\d+$/.test(pid)) continue
    try {
      const status = readFileSync('/proc/' + pid + '/status', 'latin1')
      kibibytes += figure(status, 'RssAnon') + figure(status, 'RssShmem')
    } catch {}
  }
  return kibibytes * 1024
}
server.listen(Number(port), '127.0.0.1', () => {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 3, 4] })
  child.on('error', error => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', code => process.exit(code ?? 1))
  setInterval(() => {
    if (used() > Number(maxBytes)) process.exit(1)
  }, 250)
})
`
