import type { JSX } from 'preact'
import Approvals, { type ApprovalsProps } from '../../islands/Approvals.tsx'
import { type Choice, decisionOf, saidOf } from '../../islands/approvals/answer.ts'
import type { Decided } from '../../islands/approvals/inbox.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { App } from '../record.ts'
import { Island } from './island.tsx'
import { definePage } from './page.ts'
import { tokenNames } from './token-names.ts'
import { ToolsNav } from './tools-nav.tsx'

const decidedCount = 25
const choices: readonly Choice[] = ['allow', 'allow:session', 'allow:always', 'deny']

interface ApprovalsData {
  /** Undefined for whoever may not decide. */
  inbox: ApprovalsProps | undefined
}

export default definePage<ApprovalsData>({
  path: '/tools/approvals',
  scope: 'read',
  title: () => 'Approvals',
  async load(app, { ask, identity, now }) {
    if (!identity.scopes.has('approve')) return { inbox: undefined }
    const [{ approvals, grants }, decided, names] = await Promise.all([
      ask('approval.list', {}),
      decidedOf(app),
      tokenNames(app, identity),
    ])
    return { inbox: { start: { approvals, grants, decided }, now, names } }
  },
  view: ({ inbox }) => <ApprovalsView inbox={inbox} />,
  actions: {
    answer: {
      scope: 'approve',
      async run(_app, { ask, form }) {
        const choice = choices.find(known => known === form.get('choice'))
        if (!choice) throw new TalonError('INVALID_MESSAGE', 'Choose one of the answers.')
        await ask('approval.resolve', { approvalId: form.get('approvalId') ?? '', ...decisionOf(choice) })
        return { said: saidOf(form.get('toolName') || 'The call', choice) }
      },
    },
    revoke: {
      scope: 'approve',
      async run(_app, { ask, form }) {
        await ask('approval.revoke', { grantId: form.get('grantId') ?? '' })
        return { said: 'It was revoked: such a call asks again from now on.' }
      },
    },
  },
})

/** The newest answers of people, and the newest calls that nobody answered. */
async function decidedOf(app: App): Promise<Decided[]> {
  await app.audit.written()
  const [answers, refused] = await Promise.all([
    app.store.listAudit({ action: 'approval.resolve', limit: decidedCount }),
    app.store.listInvocations({ outcome: 'refused', limit: decidedCount }),
  ])
  const answered = answers.map(async ({ at, target, tokenId, details }): Promise<Decided> => {
    // Written by the approvals as an object of texts.
    const about = (details ?? {}) as Partial<Record<string, string>>
    const { approvalId = '', invocationId, sessionId, decision, remember } = about
    const run = invocationId === undefined ? undefined : await app.store.getInvocationItem(invocationId)
    return {
      ...{ approvalId, at, toolName: target ?? '', sessionId, by: tokenId ?? '', args: run?.args },
      outcome: decision === 'allow' ? 'allowed' : 'denied',
      remember: remember === 'session' || remember === 'always' ? remember : undefined,
      invocationId: run?.id,
    }
  })
  const expired = refused.items
    .filter(({ decision }) => decision?.['rule'] === 'approval.expired')
    .map(({ id, startedAt, toolName, sessionId, args }): Decided => {
      const about = { approvalId: id, at: startedAt, toolName, sessionId: sessionId ?? undefined, args }
      return { ...about, outcome: 'expired', remember: undefined, by: undefined, invocationId: id }
    })
  return [...(await Promise.all(answered)), ...expired].toSorted((a, b) => b.at - a.at).slice(0, decidedCount)
}

function ApprovalsView({ inbox }: ApprovalsData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Approvals</h1>
      </div>
      <ToolsNav current="/tools/approvals" />
      {inbox ? (
        <>
          <noscript>
            <p class="alert mb-4">Without JavaScript this list is as old as the page: load it again for new calls.</p>
          </noscript>
          <Island name="Approvals" of={Approvals} props={inbox} />
        </>
      ) : (
        <div class="card empty">
          <p class="font-medium text-ink">You may not decide here</p>
          <p>
            Allowing and denying calls of tools needs a token with the scope “approve”, which no other scope includes.
            Who has the admin scope makes one with <code>talon token create --scope read,approve</code>.
          </p>
        </div>
      )}
    </>
  )
}
