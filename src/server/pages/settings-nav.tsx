import type { JSX } from 'preact'

const sections = [
  { label: 'General', path: '/settings' },
  { label: 'Providers', path: '/settings/providers' },
  { label: 'Tokens', path: '/settings/tokens' },
  { label: 'Limits', path: '/settings/limits' },
  { label: 'Budgets', path: '/settings/budgets' },
  { label: 'Backups', path: '/settings/backups' },
  { label: 'Audit', path: '/settings/audit' },
  { label: 'About', path: '/settings/about' },
] as const

export type SettingsPath = (typeof sections)[number]['path']

/** The way between the pages of the settings; each page puts it below its heading. */
export function SettingsNav({ current }: { current: SettingsPath }): JSX.Element {
  return (
    <nav class="tabs" aria-label="Settings">
      {sections.map(({ label, path }) => (
        <a key={path} class="tab" href={path} aria-current={path === current ? 'page' : undefined}>
          {label}
        </a>
      ))}
    </nav>
  )
}
