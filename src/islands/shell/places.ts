/** A page that one can go to from anywhere. */
export interface Place {
  path: string
  label: string
  /** The section that it belongs to. */
  of?: string
  /** The key after `g` that leads there. */
  key?: string
}

/** Every page whose address has no part that varies. */
export const places: readonly Place[] = [
  { path: '/', label: 'Dashboard', key: 'd' },
  { path: '/sessions', label: 'Sessions', key: 's' },
  { path: '/sessions/new', label: 'New session with options', of: 'Sessions' },
  { path: '/schedules', label: 'Schedules', key: 'c' },
  { path: '/tools', label: 'Tools', key: 't' },
  { path: '/tools/approvals', label: 'Approvals', of: 'Tools' },
  { path: '/tools/history', label: 'History of tools', of: 'Tools' },
  { path: '/logs', label: 'Logs', key: 'l' },
  { path: '/settings', label: 'Settings', key: ',' },
  { path: '/settings/providers', label: 'Providers', of: 'Settings' },
  { path: '/settings/tokens', label: 'Tokens', of: 'Settings' },
  { path: '/settings/limits', label: 'Limits', of: 'Settings' },
  { path: '/settings/budgets', label: 'Budgets', of: 'Settings' },
  { path: '/settings/backups', label: 'Backups', of: 'Settings' },
  { path: '/settings/audit', label: 'Audit', of: 'Settings' },
  { path: '/settings/about', label: 'About', of: 'Settings' },
  { path: '/docs', label: 'Documentation' },
]
