import type { EventPayload, EventType, ReplyPayload, RequestPayload, RequestType } from '../../src/protocol/messages.ts'
import type { Message, Session, SessionItem, ToolInfo } from '../../src/protocol/shapes.ts'

/** One exchange as it is shown in docs/protocol.md; a test holds each against its schema. */
export type RequestExamples = {
  [T in RequestType]: { request: RequestPayload<T>; reply: ReplyPayload<T> & { duplicate?: boolean } }
}
export type EventExamples = { [T in EventType]: EventPayload<T> }

export const exampleTime = 1_771_459_200_000
const sessionId = 'sess_019c6f3a-7c00-7d42-9a51-3f0f7f6f2b10'
const messageId = '019c6f3a-8d10-7b3e-8c0a-5b8f0c1d2e3f'
const runId = '019c6f3a-8d11-7e55-b2c4-90a1b2c3d4e5'
const callId = 'call_1'
const invocationId = '019c6f3a-9e20-7a66-a1b2-c3d4e5f60718'
const usage = { inputTokens: 12, outputTokens: 5, totalTokens: 17 }
const ofRun = { sessionId, runId }
const spent = {
  ...{ runs: 40, failed: 1, calls: 52, estimatedCalls: 1, unpricedCalls: 0 },
  ...{ inputTokens: 61_000, outputTokens: 9_400, totalTokens: 70_400 },
  ...{ costUsd: 0.324, toolCalls: 0, wallMs: 184_000 },
}

const item: SessionItem = {
  id: sessionId,
  senderId: 'ada',
  channel: 'cli',
  title: 'Engines',
  state: 'active',
  messageCount: 2,
  createdAt: exampleTime,
  lastActiveAt: exampleTime + 1_500,
  model: null,
}

const approval: EventPayload<'approval.requested'> = {
  approvalId: '019c6f3a-b000-7111-9aaa-112233445566',
  invocationId,
  sessionId,
  runId,
  toolName: 'shell_execute',
  permission: 'exec',
  args: { command: 'npm test' },
  workspace: '/srv/talon/workspace',
  reason: 'In the profile "workspace" commands and the network ask first where the sandbox is not full.',
  rule: 'workspace.unwalled',
  profile: 'workspace',
  tainted: false,
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  remember: ['session', 'always'],
  requestedBy: '3f9a1c',
  requestedAt: exampleTime,
  expiresAt: exampleTime + 120_000,
}

const scheduleRun = {
  dueAt: exampleTime,
  startedAt: exampleTime + 12,
  cause: 'due' as const,
  sessionId,
  runId,
  state: 'done' as const,
  error: null,
}

const schedule = {
  id: 'sched_019c6f3a-c000-7333-8ccc-334455667788',
  name: 'News',
  cron: '0 8 * * 1-5',
  onceAt: null,
  timezone: 'Europe/Berlin',
  text: 'Summarize what is new in notes/.',
  sessionId,
  tokenId: '3f9a1c',
  profile: 'workspace' as const,
  tainted: false,
  createdAt: exampleTime - 86_400_000,
  nextAt: exampleTime + 86_400_000,
  paused: null,
  missed: 0,
  missedAt: [],
  lastRun: scheduleRun,
}
const scheduleId = schedule.id

const grant = {
  id: 'grant_019c6f3a-b100-7222-8bbb-223344556677',
  remember: 'session' as const,
  hash: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  toolName: 'web_fetch',
  sessionId,
  subject: 'example.org',
  args: { url: 'https://example.org/' },
  tainted: false,
  tokenId: 'owner-1a2b3c',
  createdAt: exampleTime,
}

const decision = {
  allowed: true,
  outcome: 'allow',
  rule: 'safe',
  why: 'The tool changes nothing and reaches nobody.',
} as const

const toolRun = {
  invocationId,
  toolName: 'file_read',
  tokenId: '3f9a1c',
  sessionId: null,
  runId: null,
  args: { path: 'notes.txt' },
  startedAt: exampleTime,
  finishedAt: exampleTime + 3,
  dryRun: false,
  tainted: false,
  decision,
  success: true,
  code: null,
  error: null,
  durationMs: 3,
  outputBytes: 10,
}

const session: Session = {
  ...item,
  senderName: 'Ada',
  memorySummary: null,
  config: {},
  epoch: 1,
  seq: 2,
  forkedFrom: null,
  profile: null,
  tainted: false,
}

const question: Message = {
  id: messageId,
  seq: 1,
  role: 'user',
  content: 'Hello there',
  senderName: 'Ada',
  runId,
  timestamp: exampleTime + 1_000,
}

const answer: Message = {
  id: '019c6f3a-8f30-7c77-8d0e-1f2a3b4c5d6e',
  seq: 2,
  role: 'assistant',
  content: 'offline: Hello there',
  runId,
  model: 'offline',
  usage,
  timestamp: exampleTime + 1_500,
}

const tool: ToolInfo = {
  name: 'file_read',
  description: 'Reads a text file of the workspace.',
  parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  group: 'files',
  permission: 'safe',
  available: true,
}

const accepted = { sessionId, messageId, epoch: 1, seq: 1, runId, duplicate: false }
const resumed = { sessionId, epoch: 1, seq: 2, reset: false, replayed: 2, run: null }
const created = { sessionId, senderId: 'ada', channel: 'cli', title: 'Engines', createdAt: exampleTime }

export const requestExamples: RequestExamples = {
  hello: {
    request: {
      token: 'tln_3f9a1c_c2VjcmV0LXNlY3JldC1zZWNyZXQ',
      client: { name: 'my-program', version: '2.1.0' },
      versions: ['1.0.0'],
      resume: [{ sessionId, epoch: 1, after: 2 }],
    },
    reply: {
      version: '1.0.0',
      connectionId: '019c6f3a-7000-7111-8222-333344445555',
      server: { name: 'talon', version: '0.4.0' },
      scopes: ['read', 'chat'],
      limits: { maxFrameBytes: 1_048_576, maxInFlight: 64 },
      heartbeatMs: 25_000,
      deprecated: [],
    },
  },
  ping: { request: {}, reply: {} },
  'gateway.status': {
    request: {},
    reply: {
      status: 'ok',
      version: '0.4.0',
      uptime: 3_600,
      timestamp: exampleTime,
      components: {
        gateway: 'ok',
        sessions: 'ok',
        agent: 'offline model only',
        websocket: 'ok',
        storage: 'ok',
        sandbox: 'off',
      },
      stats: { sessions: 3, activeSessions: 1, wsClients: 2, totalMessages: 40 },
    },
  },
  'session.create': {
    request: { senderId: 'ada', senderName: 'Ada', channel: 'cli', title: 'Engines' },
    reply: created,
  },
  'session.list': {
    request: { limit: 20, channel: 'cli', watch: true },
    reply: { sessions: [item], nextCursor: null },
  },
  'session.get': { request: { sessionId }, reply: { session: { ...session, elevatedUntil: null, delegation: null } } },
  'session.history': {
    request: { sessionId, after: 0, limit: 100 },
    reply: { sessionId, epoch: 1, messages: [question, answer], hasMore: false },
  },
  'session.search': {
    request: { query: 'hello role:user after:2026-01-31', limit: 20 },
    reply: {
      hits: [
        {
          messageId,
          epoch: 1,
          seq: 1,
          sessionId,
          role: 'user',
          snippet: 'Hello there',
          marks: [[0, 5]],
          rank: 2.9,
          timestamp: question.timestamp,
          title: 'Engines',
          channel: 'cli',
        },
      ],
      unindexed: 0,
    },
  },
  'session.subscribe': { request: { sessionId, epoch: 1, after: 0 }, reply: resumed },
  'session.unsubscribe': { request: { sessionId }, reply: { sessionId } },
  'session.send_message': { request: { sessionId, text: 'Hello there', senderName: 'Ada' }, reply: accepted },
  'session.cancel': { request: { sessionId }, reply: { sessionId, runId } },
  'session.update': { request: { sessionId, title: 'Engines' }, reply: { session } },
  'session.reset': { request: { sessionId }, reply: { sessionId, success: true, epoch: 2 } },
  'session.delete': { request: { sessionId }, reply: { sessionId } },
  'session.fork': {
    request: { sessionId, atSeq: 2 },
    reply: {
      ...created,
      sessionId: 'sess_019c6f3a-a000-7333-8e1f-2a3b4c5d6e7f',
      title: 'Engines (fork)',
      forkedFrom: { sessionId, epoch: 1, seq: 2 },
    },
  },
  'session.restore': { request: { sessionId }, reply: { session } },
  'tools.list': { request: {}, reply: { tools: [tool] } },
  'tools.invoke': {
    request: { toolName: 'file_read', args: { path: 'notes.txt' }, timeoutMs: 5_000 },
    reply: {
      toolName: 'file_read',
      invocationId,
      success: true,
      output: 'Buy milk.\n',
      durationMs: 3,
      truncated: false,
      decision,
    },
  },
  'tools.cancel': { request: { invocationId }, reply: { invocationId } },
  'tools.history': { request: { toolName: 'file_read', limit: 20 }, reply: { runs: [toolRun], nextCursor: null } },
  'tools.run': { request: { invocationId }, reply: { run: toolRun, output: 'Buy milk.\n' } },
  'approval.list': { request: {}, reply: { approvals: [approval], grants: [grant] } },
  'approval.resolve': {
    request: { approvalId: approval.approvalId, decision: 'allow', remember: 'session' },
    reply: { approvalId: approval.approvalId, decision: 'allow', grantId: grant.id },
  },
  'approval.revoke': { request: { grantId: grant.id }, reply: { grantId: grant.id } },
  'approval.restore': { request: { grantId: grant.id }, reply: { grantId: grant.id } },
  'schedule.list': { request: {}, reply: { schedules: [schedule] } },
  'schedule.get': { request: { scheduleId }, reply: { schedule, runs: [scheduleRun] } },
  'schedule.add': {
    request: { text: schedule.text, cron: schedule.cron, timezone: schedule.timezone, name: 'News', sessionId },
    reply: { schedule: { ...schedule, lastRun: null } },
  },
  'schedule.remove': { request: { scheduleId }, reply: { scheduleId } },
  'schedule.pause': {
    request: { scheduleId, paused: true },
    reply: { schedule: { ...schedule, paused: 'A person paused it.' } },
  },
  'schedule.run': { request: { scheduleId }, reply: { scheduleId, sessionId, runId } },
  'session.elevate': {
    request: { sessionId, minutes: 30 },
    reply: { sessionId, elevatedUntil: exampleTime + 1_800_000 },
  },
  'limits.get': {
    request: { sessionId },
    reply: {
      enabled: true,
      limits: [
        { name: 'messages', limit: 100, windowMs: 60_000, remaining: 97, resetMs: 1_620 },
        { name: 'sessionCreations', limit: 10, windowMs: 60_000, remaining: 9, resetMs: 5_400 },
        { name: 'reads', limit: 6_000, windowMs: 60_000, remaining: 5_998, resetMs: 20 },
        { name: 'toolExecutions', limit: 20, windowMs: 60_000, remaining: 20, resetMs: 0 },
        { name: 'connectionsPerAddress', limit: 1_000, windowMs: null, remaining: 998, resetMs: 0 },
      ],
    },
  },
  'usage.get': {
    request: { from: '2026-02-01', to: '2026-02-19', by: 'model', limit: 10 },
    reply: {
      ...{ from: '2026-02-01', to: '2026-02-19', by: 'model' },
      rows: [{ provider: 'acme', model: 'm-1', ...spent }],
      more: false,
      total: spent,
      budgets: [
        { name: 'dailyUsd', unit: 'USD', limit: 5, spent: 1.204_5, reserved: 0.12, resetsAt: exampleTime + 86_400_000 },
      ],
    },
  },
  'metrics.subscribe': { request: { intervalMs: 5_000 }, reply: {} },
  'metrics.history': {
    request: { range: '5m' },
    reply: {
      ...{ range: '5m', from: exampleTime, stepMs: 5_000 },
      series: {
        ...{ messagesPerSecond: [null, 3.4], requestsPerSecond: [null, 41.2], tokensPerSecond: [null, 86.4] },
        ...{ costUsdPerHour: [null, 1.51], errorsPerMinute: [null, 0], p50Ms: [null, 0.62], p99Ms: [null, 4.1] },
        ...{ memoryBytes: [null, 104_900_000], heapBytes: [null, 31_460_000], eventLoopDelayMs: [null, 1.3] },
        ...{ connections: [null, 12], activeRuns: [null, 2] },
      },
    },
  },
  'logs.subscribe': {
    request: { level: 'warn', after: 4_000 },
    reply: { after: 4_000, dropped: 0, bootId: '019c6f3a-6000-7abc-8def-0123456789ab' },
  },
  'logs.unsubscribe': { request: {}, reply: {} },
  'config.get': {
    request: {},
    reply: {
      settings: [
        {
          key: 'log.level',
          value: 'info',
          source: 'default',
          live: true,
          secret: false,
          doc: 'Lowest level that is logged.',
          restartRequired: false,
        },
      ],
      hash: 'e3b0c44298fc1c149afbf4c8996fb924',
      waiting: null,
    },
  },
  'config.update': {
    request: {
      hash: 'e3b0c44298fc1c149afbf4c8996fb924',
      changes: { 'log.level': 'debug', 'server.port': 8080 },
      confirmWithinMs: 60_000,
    },
    reply: {
      hash: '0f343b0931126a20f133d67c2b018a3b',
      changed: ['server.port', 'log.level'],
      restartRequired: ['server.port'],
      message:
        'Changed server.port, log.level. A restart is needed for server.port. It is taken back at 2026-02-19T00:01:00.000Z unless it is confirmed.',
      confirmBy: exampleTime + 60_000,
    },
  },
  'channel.message': {
    request: { channel: 'telegram', senderId: '4711', senderName: 'Ada', text: 'Hello there' },
    reply: accepted,
  },
}

export const eventExamples: EventExamples = {
  'logs.entry': {
    time: '2026-02-19T00:00:00.000Z',
    ...ofRun,
    ...{ provider: 'acme', model: 'm-1', err: 'acme: the provider answered 500.' },
    msg: 'a provider failed',
    level: 'warn',
    seq: 4_712,
  },
  'logs.dropped': { count: 130 },
  'metrics.sample': {
    ...{ at: exampleTime, intervalMs: 5_000, connections: 12, activeRuns: 2 },
    ...{ requestsPerSecond: 41.2, messagesPerSecond: 3.4, tokensPerSecond: 86.4, costUsd: 0.0021, errors: 0 },
    ...{ p50Ms: 0.62, p99Ms: 4.1, memoryBytes: 104_857_600, heapBytes: 31_457_280, eventLoopDelayMs: 1.3 },
  },
  'session.message': { sessionId, message: question },
  'session.message.delta': { ...ofRun, delta: 'Hello ', index: 1 },
  'session.message.snapshot': { ...ofRun, text: 'offline: Hello ', index: 1 },
  'session.message.final': { ...ofRun, message: answer, usage, model: 'offline' },
  'tool.call': { ...ofRun, callId, toolName: 'file_read', args: { path: 'notes.txt' } },
  'tool.result': { ...ofRun, callId, toolName: 'file_read', success: true, output: 'Buy milk.\n', durationMs: 3 },
  'tool.stream': { invocationId, stream: 'stdout', chunk: '12 tests passed\n', ...ofRun, callId },
  'approval.requested': approval,
  'approval.resolved': {
    approvalId: approval.approvalId,
    decision: 'allow',
    outcome: 'allowed',
    by: 'owner-1a2b3c',
    remember: 'session',
  },
  'run.started': { ...ofRun, state: 'running' },
  'run.finished': { ...ofRun, state: 'done', usage },
  'budget.warning': {
    ...ofRun,
    ...{ budget: 'dailyUsd', unit: 'USD', limit: 5, spent: 4.03, resetsAt: exampleTime + 86_400_000 },
    message: '80 % of the budget of this day is used: 4.03 USD of 5.00 USD (budget.dailyUsd).',
  },
  'session.created': created,
  'session.updated': { session },
  'session.deleted': { sessionId },
  'session.resumed': { sessionId, epoch: 2, seq: 0, reset: true, replayed: 0, run: null },
  'config.updated': { message: 'Connected to Talon Gateway' },
  'gateway.draining': { restartExpectedMs: 5_000 },
  error: {
    code: 'INVALID_MESSAGE',
    status: 400,
    error: '"session.create": senderId: Invalid input: expected string, received undefined',
    retryable: false,
    details: [{ path: 'senderId', message: 'Invalid input: expected string, received undefined' }],
  },
  'session.error': {
    code: 'PROVIDER_ERROR',
    status: 502,
    error: 'openai: the provider answered 500.',
    retryable: true,
    sessionId,
    runId,
  },
}
