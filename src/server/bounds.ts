/** Longest frame of a client, in bytes, before and after it has signed in. */
export const maxFrameBytes = { unauthenticated: 64 * 1024, authenticated: 1024 * 1024 }

/** Requests of one connection that wait for an answer; more are refused. */
export const maxInFlight = 64

/** Over this much unsent, deltas are dropped (a snapshot follows) and entries wait in the store. */
export const roomBytes = 1024 * 1024

/** Over this much unsent on one socket its reader is cut: it can resume. */
export const maxUnsentBytes = 8 * 1024 * 1024

/** After this long without progress, while something is unsent, a reader is cut: it can resume. */
export const stalledMs = 10_000
