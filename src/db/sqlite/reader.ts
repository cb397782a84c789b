import { heavyReads } from './heavy-reads.ts'
import { serveReads } from './serve-reads.ts'

// The thread of a reader; reader-pool.ts starts it.
serveReads(heavyReads)
