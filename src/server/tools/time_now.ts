import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { defineTool } from './tool.ts'

const maxZones = 30

const schema = z.strictObject({
  zones: z
    .array(z.string().min(1).max(100))
    .max(maxZones)
    .optional()
    .describe('Time zones by their IANA names, such as "Europe/Berlin"; that of the machine where this is left out.'),
})

export default defineTool({
  name: 'time_now',
  description: 'Says what time it is, in UTC and in any time zones: date, time, weekday, offset.',
  group: 'data',
  permission: 'safe',
  schema,
  example: { zones: ['Europe/Berlin', 'Asia/Tokyo'] },
  run: async ({ zones = [] }, { clock }) => {
    const now = new Date(clock.now())
    const named = zones.length > 0 ? zones : [Intl.DateTimeFormat().resolvedOptions().timeZone]
    return [`UTC: ${now.toISOString()}`, ...named.map(zone => lineOf(zone, now))].join('\n')
  },
})

function lineOf(zone: string, now: Date): string {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  )
  const { year, month, day, hour, minute, second, weekday, timeZoneName = '' } = parts
  const offset = timeZoneName.replace('GMT', '') || '+00:00'
  return `${zone}: ${year}-${month}-${day}T${hour}:${minute}:${second}${offset} (${weekday}, UTC${offset})`
}

/** @throws TalonError for a zone that nobody knows */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const two = '2-digit'
  const date = { year: 'numeric', month: two, day: two, weekday: 'long' } as const
  const time = { hour: two, minute: two, second: two, hourCycle: 'h23', timeZoneName: 'longOffset' } as const
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, ...date, ...time })
  } catch {
    const advice = 'Zones have names such as "Europe/Berlin", "America/New_York" or "UTC".'
    throw new TalonError('INVALID_MESSAGE', `There is no time zone ${JSON.stringify(timeZone)}. ${advice}`)
  }
}
