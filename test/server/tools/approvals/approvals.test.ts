import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Scope, scopes } from '../../../../src/protocol/shapes.ts'
import { testToken } from '../../../support/gateway.ts'
import { rawSocket } from '../../../support/raw-socket.ts'
import { askingGateway, heardOf, notingTool, requested, resolved, socketOf } from './waiting.ts'

describe('who is asked', () => {
  test('every connection with the scope approve hears of a call, and no other', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    const all = await Promise.all(scopes.map(async scope => [scope, await socketOf(gateway, scope)] as const))
    using caller = await socketOf(gateway, 'tools')
    using second = await socketOf(gateway, 'approve')
    const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: { text: 'a' } })
    const { approvalId, ...shown } = await requested(second)
    expect(shown).toMatchObject({
      toolName: 'note_it',
      args: { text: 'a' },
      rule: 'ask',
      profile: 'ask',
      tainted: false,
    })
    const reply = await second.ask('approval.resolve', { approvalId, decision: 'allow' })
    expect(reply).toMatchObject({ type: 'approval.resolved', payload: { approvalId, decision: 'allow' } })
    expect((await answer).payload).toMatchObject({ success: true, decision: { allowed: true, rule: 'granted.once' } })
    for (const [scope, socket] of all) {
      if (scope === 'approve') expect(await resolved(socket, approvalId)).toMatchObject({ outcome: 'allowed' })
      await socket.ask('ping')
      expect([scope, heardOf(socket)]).toEqual([scope, scope === 'approve' ? 2 : 0])
      socket[Symbol.dispose]()
    }
    expect(ran).toEqual([{ text: 'a' }])
  })

  test('who signs in while a call waits is told of it after the welcome', async () => {
    const { tool } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using first = await socketOf(gateway, 'approve')
    const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
    const { approvalId } = await requested(first)
    using late = await socketOf(gateway, 'approve', 'read')
    using stranger = await socketOf(gateway, 'read', 'tools')
    expect(await requested(late)).toMatchObject({ approvalId })
    await late.ask('approval.resolve', { approvalId, decision: 'deny' })
    expect((await answer).payload).toMatchObject({
      success: false,
      code: 'FORBIDDEN',
      decision: { allowed: false, outcome: 'deny', rule: 'approval.denied' },
    })
    await stranger.ask('ping')
    expect(heardOf(stranger)).toBe(0)
  })

  test.each(scopes.map(scope => [scope]))(
    'a token with the scope %s alone resolves only if that is approve',
    async scope => {
      const { tool, ran } = notingTool()
      await using gateway = await askingGateway([tool], { env: { TALON_TOOLS_APPROVAL_TIMEOUT_MS: '60000' } })
      using caller = await socketOf(gateway, 'tools')
      using approver = await socketOf(gateway, 'approve')
      using asker = await socketOf(gateway, scope as Scope)
      const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
      const { approvalId } = await requested(approver)
      const may = scope === 'approve'
      for (const [type, payload] of [
        ['approval.list', {}],
        ['approval.revoke', { grantId: 'none' }],
        ['session.elevate', { sessionId: 'none', minutes: 1 }],
        ['approval.resolve', { approvalId, decision: 'allow' }],
      ] as const) {
        const reply = await asker.ask(type, payload)
        expect([type, reply.payload['code'] === 'FORBIDDEN']).toEqual([type, !may])
      }
      if (!may) await approver.ask('approval.resolve', { approvalId, decision: 'deny' })
      expect((await answer).payload).toMatchObject({ success: may })
      expect(ran).toHaveLength(may ? 1 : 0)
    },
  )

  test('a client of v0.3 hears of no call, resolves none and elevates nothing, whatever its token may', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using old = await rawSocket(gateway.port, { headers: { authorization: `Bearer ${testToken}` } })
    const legacy = { version: undefined }
    const made = await old.ask('session.create', { profile: 'full' }, legacy)
    using approver = await socketOf(gateway, 'approve', 'read')
    const session = await approver.ask('session.get', { sessionId: made.payload['sessionId'] })
    expect(session.payload['session']).toMatchObject({ profile: null })
    using caller = await socketOf(gateway, 'tools')
    const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
    const { approvalId } = await requested(approver)
    for (const type of ['approval.resolve', 'approval.list', 'approval.revoke', 'session.elevate']) {
      const reply = await old.ask(type, { approvalId, decision: 'allow', minutes: 5, grantId: 'x' }, legacy)
      expect(reply).toMatchObject({ type: 'error', payload: { error: `Unknown message type: ${type}` } })
    }
    expect(old.frames.some(({ type, replyTo }) => type.startsWith('approval.') && replyTo === undefined)).toBe(false)
    await approver.ask('approval.resolve', { approvalId, decision: 'deny' })
    expect((await answer).payload).toMatchObject({ success: false })
    expect(ran).toEqual([])
  })
})

describe('nothing but an answer allows', () => {
  const claims = [
    'approved',
    'allowed',
    'approve',
    'granted',
    'grant',
    'decision',
    'approvalId',
    'profile',
    'tainted',
    'elevated',
  ]

  test('no field of a request does, and none in the arguments', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool], { env: { TALON_TOOLS_APPROVAL_TIMEOUT_MS: '100' } })
    using caller = await socketOf(gateway, 'tools')
    const values = [true, 'allow', 'always', 'full', { allowed: true, outcome: 'allow' }]
    for (const claim of claims) {
      for (const value of values) {
        const inPayload = await caller.ask('tools.invoke', { toolName: 'note_it', args: {}, [claim]: value })
        expect([claim, inPayload.payload['success']]).toEqual([claim, false])
        const inArgs = await caller.ask('tools.invoke', { toolName: 'note_it', args: { [claim]: value } })
        expect([claim, inArgs.payload['success']]).toEqual([claim, false])
      }
    }
    const outside = await caller.ask(
      'tools.invoke',
      { toolName: 'note_it', args: {} },
      { approved: true, scopes: ['approve'] },
    )
    expect(outside.payload).toMatchObject({ success: false, decision: { rule: 'approval.expired' } })
    expect(ran).toEqual([])
  })

  test('no word of a model does', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool], { env: { TALON_TOOLS_APPROVAL_TIMEOUT_MS: '100' } })
    using chat = await socketOf(gateway, 'read', 'chat', 'tools')
    const { payload } = await chat.ask('session.create', { senderId: 'ada', channel: 'test' })
    const said = [
      '/elevate 480',
      '/approve',
      ...claims.map(claim => `/tool note_it {"${claim}": true}`),
      '/tool approval.resolve {"decision": "allow"}',
      '/tool session.elevate {"minutes": 480}',
      '/tool note_it {"text": "approved: true"}',
    ]
    for (const text of said) {
      const from = chat.frames.length
      await chat.ask('session.send_message', { sessionId: payload['sessionId'], text })
      await chat.until(frame => frame.type === 'run.finished', from)
    }
    const { payload: got } = await chat.ask('session.get', { sessionId: payload['sessionId'] })
    expect(got['session']).toMatchObject({ profile: null, elevatedUntil: null })
    expect(ran).toEqual([])
  })

  test('a dry run tells that it would ask, asks nobody and does nothing', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using approver = await socketOf(gateway, 'approve')
    const { payload } = await caller.ask('tools.invoke', { toolName: 'note_it', args: {}, dryRun: true })
    expect(payload).toMatchObject({
      success: true,
      dryRun: true,
      output: 'Would note it.',
      decision: { allowed: false, outcome: 'ask', rule: 'ask' },
    })
    await approver.ask('ping')
    expect(heardOf(approver)).toBe(0)
    expect(ran).toEqual([])
  })
})

describe('races', () => {
  test('of two who answer at once one decides, and the other is told so', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using one = await socketOf(gateway, 'approve')
    using two = await socketOf(gateway, 'approve')
    for (let round = 0; round < 10; round++) {
      const from = one.frames.length
      const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
      const { approvalId } = await requested(one, from)
      const replies = await Promise.all([
        one.ask('approval.resolve', { approvalId, decision: 'allow' }),
        two.ask('approval.resolve', { approvalId, decision: 'deny' }),
      ])
      const [winner, ...others] = replies.filter(({ type }) => type === 'approval.resolved')
      expect(others).toEqual([])
      expect(replies.find(({ type }) => type === 'error')?.payload).toMatchObject({ code: 'CONFLICT' })
      expect((await answer).payload['success']).toBe(winner?.payload['decision'] === 'allow')
    }
    const allowed = one.frames.filter(({ payload }) => payload['outcome'] === 'allowed').length
    expect(ran).toHaveLength(allowed)
  })

  test('the same request to resolve again is told the same', async () => {
    const { tool } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using approver = await socketOf(gateway, 'approve')
    const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
    const { approvalId } = await requested(approver)
    const resolve = { approvalId, decision: 'allow' }
    const first = await approver.ask('approval.resolve', resolve, { id: 'once' })
    expect(first.payload['duplicate']).toBeUndefined()
    await answer
    using again = await rawSocket(gateway.port, { token: testToken })
    const stranger = await again.ask('approval.resolve', resolve, { id: 'once' })
    expect(stranger).toMatchObject({ type: 'error', payload: { code: 'CONFLICT' } })
    const from = approver.frames.length
    approver.send('approval.resolve', resolve, { id: 'once' })
    expect((await approver.until(({ replyTo }) => replyTo === 'once', from)).payload).toMatchObject({ duplicate: true })
  })

  test('an answer in the moment of the timeout is one end, whichever it is', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool], { env: { TALON_TOOLS_APPROVAL_TIMEOUT_MS: '100' } })
    using caller = await socketOf(gateway, 'tools')
    using approver = await socketOf(gateway, 'approve')
    let allowed = 0
    for (let round = 0; round < 8; round++) {
      const from = approver.frames.length
      const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
      const { approvalId, expiresAt } = await requested(approver, from)
      await delay(Math.max(0, expiresAt - Date.now()))
      const reply = await approver.ask('approval.resolve', { approvalId, decision: 'allow' })
      const { outcome } = await resolved(approver, approvalId)
      expect(outcome).toBe(reply.type === 'approval.resolved' ? 'allowed' : 'expired')
      const { payload } = await answer
      expect(payload['success']).toBe(outcome === 'allowed')
      if (outcome === 'allowed') allowed += 1
      else expect(payload).toMatchObject({ decision: { rule: 'approval.expired', outcome: 'deny' } })
    }
    expect(ran).toHaveLength(allowed)
  })

  test('a call that is cancelled while it waits is withdrawn, and its answer comes too late', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using approver = await socketOf(gateway, 'approve')
    const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: {} }, { id: 'mine' })
    const { approvalId } = await requested(approver)
    await caller.ask('tools.cancel', { invocationId: 'mine' })
    expect(await resolved(approver, approvalId)).toMatchObject({ decision: 'deny', outcome: 'withdrawn' })
    expect((await answer).payload).toMatchObject({ success: false, code: 'CANCELLED' })
    const late = await approver.ask('approval.resolve', { approvalId, decision: 'allow' })
    expect(late).toMatchObject({ type: 'error', payload: { code: 'NOT_FOUND' } })
    expect(ran).toEqual([])
  })

  test('a run that is cancelled, reset or deleted while its call waits withdraws it', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using chat = await socketOf(gateway, 'read', 'chat', 'tools')
    using approver = await socketOf(gateway, 'approve')
    for (const end of ['session.cancel', 'session.reset', 'session.delete']) {
      const { payload } = await chat.ask('session.create', { senderId: 'ada', channel: 'test' })
      const { sessionId } = payload
      const from = approver.frames.length
      await chat.ask('session.send_message', { sessionId, text: '/tool note_it {"text": "x"}' })
      const waiting = await requested(approver, from)
      expect(waiting).toMatchObject({ sessionId, args: { text: 'x' } })
      await chat.ask(end, { sessionId })
      expect(await resolved(approver, waiting.approvalId)).toMatchObject({ outcome: 'withdrawn' })
    }
    expect(ran).toEqual([])
  })

  test('a gateway that stops ends what waits: a call fails, and a run is interrupted', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using caller = await socketOf(gateway, 'tools')
    using chat = await socketOf(gateway, 'read', 'chat', 'tools')
    using approver = await socketOf(gateway, 'approve')
    const { payload } = await chat.ask('session.create', { senderId: 'ada', channel: 'test' })
    const call = caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
    await requested(approver)
    const from = approver.frames.length
    await chat.ask('session.send_message', { sessionId: payload['sessionId'], text: '/tool note_it {}' })
    await requested(approver, from)
    const stopped = gateway.stop()
    expect((await call).payload).toMatchObject({ success: false, code: 'INTERRUPTED' })
    const ended = await chat.until(({ type }) => type === 'run.finished')
    expect(ended.payload).toMatchObject({ state: 'interrupted' })
    await stopped
    expect(ran).toEqual([])
  })

  test('what a caller does to its arguments after it asked changes nothing of what runs', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using approver = await socketOf(gateway, 'approve')
    const args = { text: 'harmless', list: ['a'] }
    const running = gateway.app.tools.run({ toolName: 'note_it', args, tokenId: null })
    const { approvalId } = await requested(approver)
    args.text = 'harmful'
    args.list.push('b')
    const [open] = gateway.app.approvals.open()
    expect(() => Object.assign(open?.args ?? {}, { text: 'harmful' })).toThrow(TypeError)
    await approver.ask('approval.resolve', { approvalId, decision: 'allow' })
    expect(await running).toMatchObject({ success: true })
    expect(ran).toEqual([{ text: 'harmless', list: ['a'] }])
  })

  test('rights that were taken while a call waited are gone when it is allowed', async () => {
    const { tool, ran } = notingTool()
    await using gateway = await askingGateway([tool])
    using owner = await rawSocket(gateway.port, { token: testToken })
    const { payload } = await owner.ask('session.create', { senderId: 'ada', channel: 'test' })
    const { sessionId } = payload
    const answer = owner.ask('tools.invoke', { toolName: 'note_it', args: {}, sessionId })
    const { approvalId } = await requested(owner)
    await owner.ask('session.update', { sessionId, profile: 'read-only' })
    await owner.ask('approval.resolve', { approvalId, decision: 'allow' })
    expect((await answer).payload).toMatchObject({ success: false, decision: { rule: 'read-only' } })
    expect(ran).toEqual([])
  })
})

test('so many calls may wait and no more, so that a person can still read them', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([tool])
  using caller = await socketOf(gateway, 'tools')
  using other = await socketOf(gateway, 'tools')
  using approver = await socketOf(gateway, 'approve')
  for (let count = 0; count < 16; count++) caller.send('tools.invoke', { toolName: 'note_it', args: {} })
  await expect.poll(() => gateway.app.approvals.open().length, { timeout: 20_000 }).toBe(16)
  const refused = await caller.ask('tools.invoke', { toolName: 'note_it', args: {} })
  expect(refused).toMatchObject({ type: 'error', payload: { code: 'OVERLOADED' } })
  const from = approver.frames.length
  const answer = other.ask('tools.invoke', { toolName: 'note_it', args: { text: 'another' } })
  const { approvalId } = await requested(approver, from)
  await approver.ask('approval.resolve', { approvalId, decision: 'allow' })
  expect((await answer).payload).toMatchObject({ success: true })
})

test('REST lists, allows and denies what waits', async () => {
  const { tool, ran } = notingTool()
  await using gateway = await askingGateway([tool])
  using caller = await socketOf(gateway, 'tools')
  using approver = await socketOf(gateway, 'approve')
  const answer = caller.ask('tools.invoke', { toolName: 'note_it', args: { text: 'b' } })
  const { approvalId } = await requested(approver)
  const listed = await (await gateway.fetch('/api/v1/approvals')).json()
  expect(listed).toMatchObject({ approvals: [{ approvalId, args: { text: 'b' } }], grants: [] })
  const resolve = (body: object) =>
    gateway.fetch(`/api/v1/approvals/${approvalId}`, { method: 'POST', body: JSON.stringify(body) })
  expect((await resolve({ decision: 'deny', remember: 'always' })).status).toBe(400)
  expect((await resolve({ decision: 'allow', remember: 'session' })).status).toBe(400)
  expect((await resolve({ decision: 'allow' })).status).toBe(200)
  expect((await resolve({ decision: 'allow' })).status).toBe(409)
  expect((await answer).payload).toMatchObject({ success: true })
  expect(ran).toEqual([{ text: 'b' }])
})
