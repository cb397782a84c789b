import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { ApprovalCard } from './approvals/ApprovalCard.tsx'
import { answer, type Choice } from './approvals/answer.ts'
import { DecidedList } from './approvals/DecidedList.tsx'
import { GrantList } from './approvals/GrantList.tsx'
import { createInbox, type InboxStart } from './approvals/inbox.ts'
import { watchApprovals } from './approvals/watch.ts'
import { useGatewayClock } from './parts/clock.ts'
import { useHydrated } from './parts/hydrated.ts'
import { registerKeys } from './parts/keys.ts'

export interface ApprovalsProps {
  start: InboxStart
  /** Unix ms at which the server rendered the page. */
  now: number
  names: Record<string, string>
}

/** The inbox of what waits for a person, with what was decided and what is allowed for good. */
export default function Approvals({ start, now, names }: ApprovalsProps): JSX.Element {
  const inbox = useMemo(() => createInbox(start), [start])
  const hydrated = useHydrated()
  const busy = useSignal<string | undefined>(undefined)
  const list = useRef<HTMLElement>(null)
  const count = useComputed(() => inbox.open.value.length)
  const time = useGatewayClock(now, count.value > 0)
  useEffect(() => {
    // The gateway's clock counts, which may go differently from the browser's.
    const ahead = now - Date.now()
    return watchApprovals(inbox, () => Date.now() + ahead)
  }, [inbox, now])

  const give = async (approvalId: string, choice: Choice) => {
    const approval = inbox.open.peek().find(other => other.approvalId === approvalId)
    if (!approval || busy.peek() !== undefined) return
    busy.value = approvalId
    const next = neighbour(list.current, approvalId)
    await answer(approval, choice)
    busy.value = undefined
    next?.focus()
  }
  useEffect(() => registerKeys(keysOf(() => list.current, give)), [inbox])

  return (
    <>
      <section ref={list} aria-labelledby="waiting">
        <div class="mb-3 flex items-baseline justify-between gap-4">
          <h2 id="waiting" tabIndex={-1}>
            Waiting
          </h2>
          <p class="ml-auto text-sm text-muted max-md:hidden">
            <kbd>j</kbd> <kbd>k</kbd> move, <kbd>a</kbd> allow once, <kbd>d</kbd> deny
          </p>
          <p class="text-sm text-muted" role="status">
            {count.value === 1 ? '1 call waits' : `${count.value} calls wait`}
          </p>
        </div>
        {count.value === 0 ? (
          <div class="card empty">
            <p class="font-medium text-ink">Nothing waits for an answer</p>
            <p>A call of a tool that asks first appears here by itself, and waits a short while.</p>
          </div>
        ) : (
          <div class="flex flex-col gap-4">
            {inbox.open.value.map(approval => (
              <ApprovalCard
                key={approval.approvalId}
                {...{ approval, names, now: time, isBusy: busy.value === approval.approvalId }}
                onAnswer={hydrated ? choice => give(approval.approvalId, choice) : undefined}
              />
            ))}
          </div>
        )}
      </section>
      <GrantList inbox={inbox} names={names} now={now} />
      <DecidedList decided={inbox.decided.value} names={names} now={now} />
    </>
  )
}

/** Where the focus goes when a card is answered: to the next, else to the one before, else to the heading. */
function neighbour(list: HTMLElement | null, approvalId: string): HTMLElement | null {
  const cards = cardsOf(list)
  const at = cards.findIndex(card => card.dataset['approval'] === approvalId)
  return cards[at + 1] ?? cards[at - 1] ?? list?.querySelector<HTMLElement>('#waiting') ?? null
}

function cardsOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('[data-approval]') ?? [])]
}

/** Answers by key count for the card that has the focus, and for no other: nothing is allowed unseen. */
function keysOf(
  list: () => HTMLElement | null,
  give: (approvalId: string, choice: Choice) => void,
): Parameters<typeof registerKeys>[0] {
  const current = () => document.activeElement?.closest<HTMLElement>('[data-approval]') ?? null
  const move = (by: number) => {
    const cards = cardsOf(list())
    const at = cards.findIndex(card => card.contains(document.activeElement))
    const to = at < 0 ? cards[by > 0 ? 0 : cards.length - 1] : cards[at + by]
    to?.focus()
    return to !== undefined
  }
  const choose = (choice: Choice) => () => {
    const card = current()
    const button = card?.querySelector(`button[value="${choice}"]`)
    if (!card || !button) return false
    give(card.dataset['approval'] ?? '', choice)
    return true
  }
  return [
    { keys: 'j', label: 'Next call that waits', run: () => move(1) },
    { keys: 'k', label: 'Call before', run: () => move(-1) },
    { keys: 'a', label: 'Allow it once', run: choose('allow') },
    { keys: 's', label: 'Allow it for its session', run: choose('allow:session') },
    { keys: 'A', label: 'Allow exactly this always', run: choose('allow:always') },
    { keys: 'd', label: 'Deny it', run: choose('deny') },
  ]
}
