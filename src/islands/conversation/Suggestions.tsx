import type { JSX } from 'preact'
import type { Command } from './suggestions.ts'

/** The commands that a message may become. The focus stays in the field, which names the one that is chosen. */
export function Suggestions(input: {
  offered: readonly Command[]
  chosen: number
  choose: (command: Command) => void
}): JSX.Element | null {
  const { offered, chosen, choose } = input
  if (offered.length === 0) return null
  return (
    <div class="suggestions">
      <p class="sr-only" role="status">
        {offered.length === 1 ? '1 command' : `${offered.length} commands`}
      </p>
      <div id="commands" role="listbox" aria-label="Commands">
        {offered.map((command, at) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field, which keeps the focus
          // biome-ignore lint/a11y/useFocusableInteractive: the same
          <div
            key={command.name}
            id={`command-${command.name}`}
            role="option"
            aria-selected={at === chosen}
            class="suggestion"
            onMouseDown={event => event.preventDefault()}
            onClick={() => choose(command)}
          >
            <span class="font-mono">{`/${command.name}${command.usage && ` ${command.usage}`}`}</span>
            <span class="min-w-0 truncate text-muted">{command.summary}</span>
          </div>
        ))}
      </div>
    </div>
  )
}
