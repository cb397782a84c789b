import { useSignal } from '@preact/signals'
import type { ComponentType, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { useHydrated } from './parts/hydrated.ts'
import { Icon } from './parts/Icon.tsx'
import { registerKeys } from './parts/keys.ts'
import { say } from './parts/notices.ts'
import type { ShellDialogProps, Which } from './shell/dialog.ts'
import { places } from './shell/places.ts'

export interface PaletteProps {
  /** Whether whoever looks may make a session. */
  canWrite: boolean
}

// Loaded when they are first opened.
const dialogs: Record<Which, () => Promise<{ default: ComponentType<ShellDialogProps> }>> = {
  palette: () => import('./shell/CommandPalette.tsx'),
  keys: () => import('./shell/KeyList.tsx'),
}

/** The button of the command palette, and the keys that work on every page. */
export default function Palette({ canWrite }: PaletteProps): JSX.Element {
  const hydrated = useHydrated()
  const shown = useSignal<{ Dialog: ComponentType<ShellDialogProps> } | undefined>(undefined)
  const show = async (which: Which) => {
    try {
      const { default: Dialog } = await dialogs[which]()
      shown.value = { Dialog }
    } catch {
      say('The gateway did not send this part of the page. Reload the page.', { tone: 'danger' })
    }
  }
  useEffect(() => registerKeys(keysOfFrame(show)), [])
  const onClose = () => {
    shown.value = undefined
  }
  const Dialog = shown.value?.Dialog
  return (
    <>
      <button
        type="button"
        class="search-button"
        disabled={!hydrated}
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => show('palette')}
      >
        <Icon name="search" />
        <span class="max-md:sr-only">Go to …</span>
        <kbd class="ml-auto max-md:hidden">{hydrated && isApple() ? '⌘ K' : 'Ctrl K'}</kbd>
      </button>
      {Dialog && <Dialog canWrite={canWrite} onClose={onClose} show={show} />}
    </>
  )
}

function keysOfFrame(show: (which: Which) => void) {
  const pages = places.flatMap(({ key, label, path }) =>
    key
      ? [{ keys: `g ${key}`, label: `Go to ${label}`, run: () => location.assign(path), everywhere: true as const }]
      : [],
  )
  return [
    {
      keys: 'Mod+k',
      label: 'Find a page, a session, a tool or an action',
      run: () => show('palette'),
      everywhere: true as const,
    },
    ...pages,
    { keys: '?', label: 'Show these keys', run: () => show('keys'), everywhere: true as const },
  ]
}

function isApple(): boolean {
  return /^(Mac|iP)/.test(navigator.platform)
}
