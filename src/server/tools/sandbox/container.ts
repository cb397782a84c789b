import { existsSync, readFileSync } from 'node:fs'

/** Files that container engines put into the root of each container. */
const marks = ['/.dockerenv', '/run/.containerenv', '/run/systemd/container']
/** Folders of a machine that is shared into a container in whole or in good part. */
const hostFolders = ['/host', '/hostfs', '/rootfs', '/var/lib/docker', '/var/lib/containers/storage']
/** Sockets through which a container rules its host. */
const hostSockets = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/podman/podman.sock',
  '/run/containerd/containerd.sock',
]

/** Whether this process runs in a container, and why it does not count as a wall if it does but does not. */
export function containerHere(): { walled: boolean; reason: string } {
  const isContainer = marks.some(path => existsSync(path)) || isKubernetes()
  if (!isContainer) return { walled: false, reason: 'The gateway does not run in a container.' }
  const open = [...hostFolders, ...hostSockets].find(path => existsSync(path))
  if (open !== undefined) return { walled: false, reason: `The container holds a part of its host: ${open}.` }
  if (hasAllCapabilities()) return { walled: false, reason: 'The container is privileged.' }
  return { walled: true, reason: 'The gateway runs in a container.' }
}

function isKubernetes(): boolean {
  return existsSync('/var/run/secrets/kubernetes.io')
}

/** CAP_SYS_ADMIN, with which a process leaves any container. */
function hasAllCapabilities(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'
    return (BigInt(`0x${effective}`) & (1n << 21n)) !== 0n
  } catch {
    return false
  }
}
