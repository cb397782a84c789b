import { type Signal, useSignal } from '@preact/signals'
import type { JSX, RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { randomId } from '../../client/requests.ts'
import { isOpen } from '../connection.ts'
import { useHydrated } from '../parts/hydrated.ts'
import { registerKeys } from '../parts/keys.ts'
import { send, sendInFork, stop } from './actions.ts'
import { keepDraft, readDraft } from './draft.ts'
import type { Conversation } from './live.ts'
import { Suggestions } from './Suggestions.tsx'
import { type Command, suggest, written } from './suggestions.ts'

// Below the gateway's cap of a frame, whatever the characters cost as JSON in UTF-8.
const maxChars = 150_000

export interface ComposerInput {
  conversation: Conversation
  commands: readonly Command[]
  /** What the field holds at first, where somebody wants to say a message of another session in other words. */
  draft: string | undefined
}

/** Where a message is written. Enter sends, Shift and Enter breaks the line; what was not accepted comes back. */
export function Composer({ conversation, commands, draft }: ComposerInput): JSX.Element {
  const { sessionId } = conversation
  const text = useSignal('')
  /** The message that is said in other words. */
  const editing = useSignal<number | undefined>(undefined)
  const chosen = useSignal(0)
  const dismissed = useSignal('')
  const hydrated = useHydrated()
  const field = useRef<HTMLTextAreaElement>(null)
  // A text that comes back keeps its id, so that sending it again cannot make a second message of it.
  const refused = useRef<{ text: string; requestId: string } | undefined>(undefined)
  const isBlank = text.value.trim() === ''
  const canSend = hydrated && isOpen.value && !isBlank
  const offered = dismissed.value === text.value ? [] : suggest(text.value, commands)
  const write = (next: string) => {
    text.value = next
    chosen.value = 0
    if (editing.peek() === undefined) keepDraft(sessionId, next)
  }
  useEffect(() => takeDraft(sessionId, draft, write, field), [])
  useEffect(() => registerKeys([{ keys: 'c', label: 'Write a message', run: () => field.current?.focus() }]), [])

  const submit = async () => {
    if (!canSend) return
    const own = text.peek()
    const edited = editing.peek()
    if (edited !== undefined) {
      await sendInFork(conversation, edited, own)
      return
    }
    const requestId = refused.current?.text === own ? refused.current.requestId : randomId()
    write('')
    field.current?.focus()
    if (await send(conversation, own, requestId)) return
    refused.current = { text: own, requestId }
    write(text.peek() === '' ? own : `${own}\n${text.peek()}`)
  }
  const choose = (command: Command) => {
    write(written(command))
    dismissed.value = text.peek()
    field.current?.focus()
  }
  const leaveEditing = () => {
    editing.value = undefined
    write(readDraft(sessionId))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a word, its keys belong to it.
    if (event.isComposing) return
    const command = offered[chosen.peek()]
    if (command && onSuggestionKey(event, { text: text.peek(), offered, chosen, command, choose }))
      return event.preventDefault()
    if (event.key === 'Escape') {
      if (offered.length > 0) dismissed.value = text.peek()
      else if (editing.peek() !== undefined) leaveEditing()
      return
    }
    if (event.key === 'ArrowUp' && text.peek() === '') {
      const last = conversation.messages.peek().findLast(({ role }) => role === 'user')
      if (!last || conversation.hasNewer.peek()) return
      event.preventDefault()
      editing.value = last.seq
      text.value = last.content
      return
    }
    if (event.key !== 'Enter' || event.shiftKey) return
    event.preventDefault()
    submit()
  }

  return (
    <form
      class="composer needs-script"
      onSubmit={event => {
        event.preventDefault()
        submit()
      }}
    >
      {editing.value !== undefined && (
        <p class="composer-note" role="status">
          <span class="flex-1">
            You edit message {editing.value}. Sending it makes a fork, which begins with what was said before it.
          </span>
          <button type="button" class="action" onClick={leaveEditing}>
            Cancel
          </button>
        </p>
      )}
      <Suggestions offered={offered} chosen={chosen.value} choose={choose} />
      <label class="sr-only" for="composer">
        Message
      </label>
      <textarea
        id="composer"
        ref={field}
        class="composer-field"
        rows={1}
        maxLength={maxChars}
        placeholder={hydrated ? 'Write a message' : 'Connecting'}
        value={text.value}
        disabled={!hydrated}
        aria-autocomplete="list"
        aria-controls={offered.length > 0 ? 'commands' : undefined}
        aria-activedescendant={offered.length > 0 ? `command-${offered[chosen.value]?.name}` : undefined}
        onInput={event => write(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="flex items-center gap-2">
        {conversation.run.value && (
          <button type="button" class="button" disabled={!hydrated} onClick={() => stop(conversation)}>
            <span class="size-2.5 rounded-[2px] bg-current" aria-hidden="true" />
            Stop
          </button>
        )}
        <button type="submit" class="button button-primary" disabled={!canSend}>
          {editing.value === undefined ? 'Send' : 'Send in a fork'}
        </button>
      </div>
    </form>
  )
}

/** Fills the field with what was asked for, or else with what was left in it. */
function takeDraft(
  sessionId: string,
  draft: string | undefined,
  write: (text: string) => void,
  field: RefObject<HTMLTextAreaElement | null>,
): void {
  const kept = readDraft(sessionId)
  if (draft !== undefined) {
    // Once: a reload shows what was made of it.
    history.replaceState(null, '', location.pathname + location.hash)
    if (kept === '') write(draft)
    requestAnimationFrame(() => field.current?.focus())
  }
  if (kept !== '') write(kept)
}

interface SuggestionKey {
  text: string
  offered: readonly Command[]
  chosen: Signal<number>
  command: Command
  choose: (command: Command) => void
}

/** Arrows choose, Enter and Tab take; a command that is written out is sent. Whether the key was for the suggestions. */
function onSuggestionKey(event: KeyboardEvent, input: SuggestionKey): boolean {
  const { text, offered, chosen, command, choose } = input
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step !== undefined) {
    chosen.value = (chosen.peek() + step + offered.length) % offered.length
    return true
  }
  if (event.shiftKey || (event.key !== 'Enter' && event.key !== 'Tab')) return false
  if (event.key === 'Enter' && text.toLowerCase() === `/${command.name}`) return false
  choose(command)
  return true
}
