import type { JSX } from 'preact'

/** Paths on a grid of 24, drawn with a line of 1.75. */
const paths = {
  dashboard: 'M4 13a8 8 0 1 1 16 0M12 13l4-4M6 19h12',
  sessions: 'M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8l-4 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z',
  schedules: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 7.500V12l3 2',
  tools: 'M14.5 6.5a4 4 0 0 1 5-1l-3 3 2 2 3-3a4 4 0 0 1-5.5 4.700L8.5 19.700a2 2 0 0 1-3-3L13 9.500a4 4 0 0 1 1.5-3Z',
  logs: 'M5 6h14M5 10.500h9M5 15h14M5 19.500h6',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5',
  search: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM15.5 15.5 20 20',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4',
  moon: 'M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z',
  system: 'M4 5h16v11H4ZM9 20h6M12 16v4',
  leave: 'M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h10M16.5 8.5 20 12l-3.5 3.5',
} as const

export type IconName = keyof typeof paths

/** A picture beside words that say the same, so that a screen reader leaves it out. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg
      class="size-5 shrink-0"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}

/** The icon of a section of the dashboard. */
export function sectionIcon(path: string): IconName {
  const names: Readonly<Record<string, IconName>> = {
    '/sessions': 'sessions',
    '/schedules': 'schedules',
    '/tools': 'tools',
    '/logs': 'logs',
    '/settings': 'settings',
  }
  return names[path] ?? 'dashboard'
}
