import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const idBytes = 16
// One system call for many ids: each message takes two, and the call costs more than the rest of an id.
const idsPerFill = 256

/** Makes ids that sort by time (UUID version 7). */
export function createIds(): () => string {
  const pool = new Uint8Array(idBytes * idsPerFill)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    used += idBytes
    return v7({ random: pool.subarray(used - idBytes, used) })
  }
}
