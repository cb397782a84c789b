import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { randomId } from '../../client/requests.ts'
import { isOpen } from '../connection.ts'
import { useHydrated } from '../parts/hydrated.ts'
import { send, stop } from './actions.ts'
import type { Conversation } from './live.ts'

// Below the gateway's cap of a frame, whatever the characters cost as JSON in UTF-8.
const maxChars = 150_000

/** Where a message is written. Enter sends, Shift and Enter breaks the line; what was not accepted comes back. */
export function Composer({ conversation }: { conversation: Conversation }): JSX.Element {
  const text = useSignal('')
  const hydrated = useHydrated()
  const field = useRef<HTMLTextAreaElement>(null)
  // A text that comes back keeps its id, so that sending it again cannot make a second message of it.
  const refused = useRef<{ text: string; requestId: string } | undefined>(undefined)
  const isBlank = text.value.trim() === ''
  const canSend = hydrated && isOpen.value && !isBlank

  const submit = async () => {
    if (!canSend) return
    const own = text.peek()
    const requestId = refused.current?.text === own ? refused.current.requestId : randomId()
    text.value = ''
    field.current?.focus()
    if (await send(conversation, own, requestId)) return
    refused.current = { text: own, requestId }
    text.value = text.peek() === '' ? own : `${own}\n${text.peek()}`
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    submit()
  }

  return (
    <form
      class="composer"
      onSubmit={event => {
        event.preventDefault()
        submit()
      }}
    >
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
        onInput={event => {
          text.value = event.currentTarget.value
        }}
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
          Send
        </button>
      </div>
    </form>
  )
}
