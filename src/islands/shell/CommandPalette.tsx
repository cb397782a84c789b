import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isOpen } from '../connection.ts'
import { type Command, type CommandGroup, findSessions, listTools, matchingTools, staticGroups } from './commands.ts'
import type { ShellDialogProps } from './dialog.ts'
import { KeyCaps } from './KeyList.tsx'

// A pause while typing; each letter by itself need not be asked for.
const pauseMs = 120

/** Everything that one can go to or do, found by a few letters. A combobox with its list, in a dialog. */
export default function CommandPalette({ canWrite, onClose, show }: ShellDialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const query = useSignal('')
  const active = useSignal(0)
  const sessions = useSessions(query.value)
  const tools = useTools()

  const run = (command: Command) => {
    // First the focus goes back to where it was, then whatever happens, happens there.
    dialog.current?.close()
    command.run()
  }
  const groups = [
    ...staticGroups(query.value, { canWrite, showKeys: () => show('keys') }),
    sessions,
    matchingTools(tools, query.value),
  ].filter(group => group.commands.length > 0)
  const commands = groups.flatMap(group => group.commands)
  const current = commands[Math.min(active.value, commands.length - 1)]
  useEffect(() => {
    if (current) document.getElementById(optionId(current))?.scrollIntoView({ block: 'nearest' })
  }, [current?.id])

  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps[event.key]
    if (step !== undefined && commands.length > 0) {
      active.value = (Math.min(active.value, commands.length - 1) + step + commands.length) % commands.length
    } else if (event.key === 'Enter' && !event.isComposing && current) run(current)
    else return
    event.preventDefault()
  }
  return (
    <dialog ref={dialog} class="dialog palette" aria-label="Command palette" onClose={onClose}>
      <input
        class="palette-field"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-label="Find a page, a session, a tool or an action"
        aria-activedescendant={current && optionId(current)}
        placeholder="Page, session, tool or action"
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        onInput={event => {
          query.value = event.currentTarget.value.trim()
          active.value = 0
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" class="palette-list" role="listbox" aria-label="Found">
        {groups.map(group => (
          <Group key={group.name} group={group} current={current} onRun={run} />
        ))}
      </div>
      <p class={commands.length === 0 ? 'px-4 pb-4 text-sm text-muted' : 'sr-only'} role="status">
        {foundWords(commands.length)}
      </p>
    </dialog>
  )
}

const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 }

function foundWords(count: number): string {
  if (count > 0) return `${count} found.`
  return isOpen.value ? 'Nothing has these words. Try fewer letters.' : 'Sessions and tools are found once connected.'
}

function optionId({ id }: Command): string {
  return `palette-${id}`
}

function Group(input: { group: CommandGroup; current: Command | undefined; onRun: (command: Command) => void }) {
  const { group, current, onRun } = input
  return (
    // biome-ignore lint/a11y/useSemanticElements: a list of options may hold groups of options, and no fieldset
    <div role="group" aria-label={group.name}>
      <p class="palette-group" aria-hidden="true">
        {group.name}
      </p>
      {group.commands.map(command => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the list are those of its field
        <div
          key={command.id}
          id={optionId(command)}
          class="palette-option"
          role="option"
          tabIndex={-1}
          aria-selected={command.id === current?.id}
          onClick={() => onRun(command)}
        >
          <span class="min-w-0 flex-1 truncate">{command.label}</span>
          {command.hint && <span class="text-muted">{command.hint}</span>}
          {command.keys && (
            <span class="flex gap-1 max-sm:hidden">
              <KeyCaps keys={command.keys} />
            </span>
          )}
        </div>
      ))}
    </div>
  )
}

/** The sessions that the gateway finds for the query; those before stay until then. */
function useSessions(query: string): CommandGroup {
  const found = useSignal<CommandGroup>({ name: 'Sessions', commands: [] })
  const open = isOpen.value
  useEffect(() => {
    if (!open) return
    let isLatest = true
    const timer = setTimeout(
      async () => {
        const group = await findSessions(query).catch(() => undefined)
        if (isLatest && group) found.value = group
      },
      query === '' ? 0 : pauseMs,
    )
    return () => {
      isLatest = false
      clearTimeout(timer)
    }
  }, [query, open])
  return found.value
}

function useTools(): readonly Command[] {
  const tools = useSignal<readonly Command[]>([])
  const open = isOpen.value
  useEffect(() => {
    if (!open) return
    listTools().then(
      list => {
        tools.value = list
      },
      // Without the tools the rest is still found.
      () => undefined,
    )
  }, [open])
  return tools.value
}
