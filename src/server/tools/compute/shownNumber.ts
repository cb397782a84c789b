import type { BigNumber, Fraction } from 'mathjs'

/** Digits of what is not exact. */
const shownDigits = 40
/** Digits beside a fraction that has no end as a decimal. */
const fractionDigits = 20
/** A longer whole number that was not calculated exactly has lost its last digits. */
const maxWholeDigits = 300

/** A number that is as near as can be: whole, or as a decimal. @throws Error if it is not finite */
export function shownDecimal(value: BigNumber): string {
  if (!value.isFinite()) throw new Error('It has no finite value.')
  if (value.isInteger() && value.precision(true) <= maxWholeDigits) return value.toFixed()
  const rounded = value.toSignificantDigits(shownDigits)
  return rounded.equals(value) ? rounded.toString() : `≈ ${rounded}`
}

/** An exact number: whole, as a decimal if that has an end, else as a fraction and a decimal. */
export function shownFraction({ s, n, d }: Fraction): string {
  const sign = s < 0n ? '-' : ''
  if (d === 1n) return `${sign}${n}`
  const places = decimalPlaces(d)
  if (places !== undefined) return `${sign}${withPoint((n * 10n ** BigInt(places)) / d, places)}`
  const rounded = (n * 10n ** BigInt(fractionDigits) * 2n + d) / (d * 2n)
  return `${sign}${n}/${d} ≈ ${sign}${withPoint(rounded, fractionDigits)}`
}

/** Digits after the point; undefined if they have no end, or are too many to be read. */
function decimalPlaces(denominator: bigint): number | undefined {
  let rest = denominator
  let twos = 0
  let fives = 0
  for (; rest % 2n === 0n && twos <= shownDigits; twos++) rest /= 2n
  for (; rest % 5n === 0n && fives <= shownDigits; fives++) rest /= 5n
  const places = Math.max(twos, fives)
  return rest === 1n && places <= shownDigits ? places : undefined
}

function withPoint(digits: bigint, places: number): string {
  const text = digits.toString().padStart(places + 1, '0')
  return `${text.slice(0, -places)}.${text.slice(-places)}`
}
