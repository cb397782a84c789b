import { arch, release, type } from 'node:os'
import { thisMachine } from './doctor/machine.ts'

/** What this program runs on, for a person. */
export function machineWords(): { label: string; value: string }[] {
  const { nodeVersion, sqliteVersion } = thisMachine()
  return [
    { label: 'Node', value: nodeVersion },
    { label: 'SQLite', value: sqliteVersion },
    { label: 'System', value: `${type()} ${release()}, ${arch()}` },
  ]
}
