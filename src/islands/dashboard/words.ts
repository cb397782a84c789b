/** Amounts as the dashboard writes them, with as many digits as tell something. */

/** A number with two digits that matter where it is small, and none after the point where it is large. */
export function plain(value: number): string {
  if (value === 0) return '0'
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(2)))
}

export function perSecond(value: number): string {
  return `${plain(value)}/s`
}

export function perMinute(value: number): string {
  return `${plain(value)}/min`
}

export function milliseconds(value: number): string {
  return value >= 1_000 ? `${plain(value / 1_000)} s` : `${plain(value)} ms`
}

export function bytes(value: number): string {
  const mebibytes = value / 1_048_576
  return mebibytes >= 1_024 ? `${plain(mebibytes / 1_024)} GiB` : `${plain(mebibytes)} MiB`
}

/** Cents are not enough for a call of a small model. */
export function dollars(value: number): string {
  if (value === 0) return '$0'
  return value < 0.01 ? `$${Number(value.toPrecision(2))}` : `$${value.toFixed(2)}`
}

export function dollarsPerHour(value: number): string {
  return `${dollars(value)}/h`
}

/** Hours and minutes, with seconds where they tell points apart; in UTC until the browser knows its own zone. */
export function clockTime(at: number, options: { seconds: boolean; local: boolean }): string {
  const date = new Date(at)
  const parts = options.local
    ? [date.getHours(), date.getMinutes(), date.getSeconds()]
    : [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
  return parts
    .slice(0, options.seconds ? 3 : 2)
    .map(part => String(part).padStart(2, '0'))
    .join(':')
}
