/** The dialogs that every page can open. */
export type Which = 'palette' | 'keys'

export interface ShellDialogProps {
  /** Whether whoever looks may make a session. */
  canWrite: boolean
  onClose: () => void
  show: (which: Which) => void
}
