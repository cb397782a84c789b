/**
 * A copy of plain data that nobody can change, whoever holds a part of what it was copied from. What is no plain object
 * or list is taken as it is.
 */
export function frozenCopy<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  // Each copy has the shape of what it was made of.
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy)) as Value
  if (!isPlain(value)) return value
  // Not by assignment: to the key "__proto__" that would be another object's properties, which nobody is shown.
  const copy = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, frozenCopy(part)]))
  return Object.freeze(copy) as Value
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
