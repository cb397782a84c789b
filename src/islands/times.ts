const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** A time as people say it, such as "3 min ago"; the date after four weeks. Both are Unix ms. */
export function relativeTime(at: number, now: number): string {
  const ago = now - at
  if (ago < 45_000) return 'just now'
  if (ago < hourMs) return `${Math.max(1, Math.round(ago / minuteMs))} min ago`
  if (ago < dayMs) return `${Math.floor(ago / hourMs)} h ago`
  if (ago < 2 * dayMs) return 'yesterday'
  if (ago < 28 * dayMs) return `${Math.floor(ago / dayMs)} days ago`
  return exactTime(at).slice(0, 10)
}

/** A time to come as people say it, such as "in 3 h"; the date from four weeks on. Both are Unix ms. */
export function timeUntil(at: number, now: number): string {
  const left = at - now
  if (left <= 0) return 'due now'
  if (left < minuteMs) return 'within a minute'
  if (left < hourMs) return `in ${Math.floor(left / minuteMs)} min`
  if (left < dayMs) return `in ${Math.floor(left / hourMs)} h`
  if (left < 2 * dayMs) return 'in a day'
  if (left < 28 * dayMs) return `in ${Math.floor(left / dayMs)} days`
  return `on ${exactTime(at).slice(0, 10)}`
}

/** The moment in UTC, as the server writes it before the browser knows its own zone. */
export function exactTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** A length of time in its two largest units, such as "3 h 12 min". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < minuteMs) return `${Math.floor(ms / 1_000)} s`
  if (ms < hourMs) return `${Math.floor(ms / minuteMs)} min`
  if (ms < dayMs) return `${Math.floor(ms / hourMs)} h ${Math.floor((ms % hourMs) / minuteMs)} min`
  return `${Math.floor(ms / dayMs)} d ${Math.floor((ms % dayMs) / hourMs)} h`
}

const refreshMs = 20_000

/** Keeps every `<time data-at>` and `<time data-until>` of the page true, and tells the exact moment in the reader's own zone on hover. */
export function keepTimesFresh(): void {
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
  const refresh = () => {
    for (const element of document.querySelectorAll<HTMLTimeElement>('time[data-at], time[data-until]')) {
      const { until } = element.dataset
      const at = Number(until ?? element.dataset['at'])
      const text = (until === undefined ? relativeTime : timeUntil)(at, Date.now())
      element.title = exact.format(at)
      // The text node is the renderer's: it is changed, never replaced.
      if (element.firstChild && element.firstChild.nodeValue !== text) element.firstChild.nodeValue = text
    }
  }
  refresh()
  setInterval(refresh, refreshMs)
}
