import { stillWanted } from '../../../src/db/sqlite/guard.ts'
import { type HeavyRead, heavyReads } from '../../../src/db/sqlite/heavy-reads.ts'
import type { Connection } from '../../../src/db/sqlite/open.ts'
import { serveReads } from '../../../src/db/sqlite/serve-reads.ts'
import { TalonError } from '../../../src/protocol/errors.ts'

// A reader's thread with reads beside the store's own that last, fail and crash when a test wants it.

/** Waits until its gate is opened and answers its name. */
function hold(_connection: Connection, { gate, name }: { gate: Int32Array; name: string }): string {
  Atomics.wait(gate, 0, 0)
  return name
}

/** Scans for ever, as long as somebody waits. */
function scan(connection: Connection): unknown {
  return connection
    .prepared(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE ${stillWanted('i')}`,
    )
    .get()
}

/** Scans for a second or so, and looks at nothing meanwhile. */
function scanBlindly(connection: Connection): unknown {
  return connection
    .prepared(
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n',
    )
    .get()
}

const reads: Record<string, HeavyRead<never, unknown>> = {
  ...heavyReads,
  hold,
  scan,
  scanBlindly,
  refuse() {
    throw new TalonError('NOT_FOUND', 'There is no such thing.', { retryAfterMs: 7 })
  },
  exit: () => process.exit(3),
  loop(_connection, _input, check) {
    for (;;) check()
  },
}

serveReads(reads)
