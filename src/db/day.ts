export const dayMs = 24 * 60 * 60_000

/** The UTC day of a moment in Unix ms: days since 1970-01-01. */
export function dayOf(at: number): number {
  return Math.floor(at / dayMs)
}

/** Such as `2026-11-23`. */
export function dayName(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}
