// As deep as a frame may be.
const maxDepth = 32

/** Whether a value is deeper than anything that is sent; whatever goes through all of a deeper one could exhaust the stack. */
export function isTooDeep(value: unknown, left = maxDepth): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some(part => isTooDeep(part, left - 1))
}
