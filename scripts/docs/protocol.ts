import { closeCodes, type ErrorCode, errorCodes } from '../../src/protocol/errors.ts'
import type { EventRow } from '../../src/protocol/events.ts'
import { type EventType, events, type RequestType, requests } from '../../src/protocol/messages.ts'
import type { RequestRow } from '../../src/protocol/requests.ts'
import { protocolVersion, supportedVersions } from '../../src/protocol/version.ts'
import { eventExamples, exampleTime, requestExamples } from './examples.ts'
import { fill, json, requestTable, resultTable, table } from './markdown.ts'
import { legacyRoutes, type Route, routes } from './routes.ts'
import { fieldsOf, shapeFields, shapes } from './schema.ts'
import { closeWords, errorWords } from './words.ts'

// The keys of literal tables, which Object.keys widens to string.
const requestTypes = Object.keys(requests) as RequestType[]
const eventTypes = Object.keys(events) as EventType[]
const errorNames = Object.keys(errorCodes) as ErrorCode[]
const closeNames = Object.keys(closeCodes) as (keyof typeof closeCodes)[]

/** docs/protocol.md: the hand-written template with what follows from the protocol's tables. */
export function protocolPage(template: string): string {
  return fill(template, {
    version: protocolVersion,
    supported: supportedVersions.join(', '),
    requestIndex: requestIndex(),
    requests: requestTypes.map(requestSection).join('\n\n'),
    eventIndex: eventIndex(),
    events: eventTypes.map(eventSection).join('\n\n'),
    shapes: Object.keys(shapes)
      .map(name => `### ${name}\n\n${resultTable(shapeFields(name))}`)
      .join('\n\n'),
    errors: errorTable(),
    closes: closeTable(),
    routes: routeTable(routes),
    legacyRoutes: routeTable(legacyRoutes),
  })
}

function requestIndex(): string {
  const rows = requestTypes.map(type => {
    const { reply, scope, changes, summary }: RequestRow = requests[type]
    return [link(type), `\`${reply}\``, scope === null ? '–' : `\`${scope}\``, changes ? 'yes' : '', summary]
  })
  return table(['Request', 'Reply', 'Scope', 'Idempotent by `id`', 'What it does'], rows)
}

function requestSection(type: RequestType): string {
  const { summary, payload, reply, result, scope, changes }: RequestRow = requests[type]
  const { request, reply: answer } = requestExamples[type]
  return [
    `### \`${type}\``,
    summary,
    `Scope: ${scope === null ? 'none' : `\`${scope}\``}. ${changes ? changesText : 'Changes nothing that is kept, or the same whenever it is repeated: it may simply be asked again.'}`,
    requestTable(fieldsOf(payload, 'input')),
    json(requestFrame(type, request)),
    `Reply: \`${reply}\``,
    resultTable(fieldsOf(result, 'output')),
    json(replyFrame(reply, type, answer)),
  ].join('\n\n')
}

const changesText =
  'Idempotent by (token, `id`): a repeat changes nothing and gets the first answer with `duplicate: true`.'

function eventIndex(): string {
  const rows = eventTypes.map(type => [link(type), events[type].logged ? 'yes' : '', events[type].summary])
  return table(['Event', 'Entry of the log', 'What it tells'], rows)
}

function eventSection(type: EventType): string {
  const { summary, payload, logged }: EventRow = events[type]
  const example = eventExamples[type]
  const entry = logged && 'message' in example && typeof example.message === 'object' ? example.message : undefined
  const place = entry ? { epoch: 1, seq: entry.seq } : {}
  return [
    `### \`${type}\``,
    `${summary}${logged ? ' It is an entry of the log: it has `epoch` and `seq`, and is replayed.' : ''}`,
    resultTable(fieldsOf(payload, 'output')),
    json({
      id: entry?.id ?? '9a1f2f6a54d0-1k',
      type,
      version: protocolVersion,
      timestamp: exampleTime,
      ...place,
      payload: example,
    }),
  ].join('\n\n')
}

function requestFrame(type: RequestType, payload: object): object {
  return { id: requestId(type), type, version: protocolVersion, timestamp: exampleTime, payload }
}

function replyFrame(type: string, asked: RequestType, payload: object): object {
  const replyTo = requestId(asked)
  return { id: '9a1f2f6a54d0-1j', type, version: protocolVersion, timestamp: exampleTime, replyTo, payload }
}

/** An example's id: the place of the request in the table, in the form of a UUID. */
function requestId(type: RequestType): string {
  const place = (requestTypes.indexOf(type) + 1).toString(16).padStart(2, '0')
  return `0198c2f4-6d1e-7c3a-9b1f-2f6a54d0c9${place}`
}

function errorTable(): string {
  const rows = errorNames.map(code => {
    const { status, retryable } = errorCodes[code]
    return [`\`${code}\``, String(status), retryable ? 'yes' : 'no', errorWords[code]]
  })
  return table(['Code', 'Status', 'May work later', 'When'], rows)
}

function closeTable(): string {
  const rows = closeNames.map(name => [String(closeCodes[name]), closeWords[name].why, closeWords[name].next])
  return table(['Code', 'Why', 'What a client does then'], rows)
}

function routeTable(shown: readonly Route[]): string {
  const rows = shown.map(({ method, path, scope, like, answer }) => [
    `\`${method} ${path}\``,
    scope === null ? '–' : `\`${scope}\``,
    like === undefined ? '' : link(like),
    answer,
  ])
  return table(['Route', 'Scope', 'As', 'Answer'], rows)
}

/** A link to the section of a type; the anchor of a heading has no dots. */
function link(type: string): string {
  return `[\`${type}\`](#${type.replaceAll('.', '')})`
}
