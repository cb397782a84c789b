import type { JSX } from 'preact'

const pages = [
  { label: 'All tools', path: '/tools' },
  { label: 'Approvals', path: '/tools/approvals' },
  { label: 'History', path: '/tools/history' },
] as const

/** The way between the pages about tools; each puts it below its heading. */
export function ToolsNav({ current }: { current: (typeof pages)[number]['path'] }): JSX.Element {
  return (
    <nav class="tabs" aria-label="Tools">
      {pages.map(({ label, path }) => (
        <a key={path} class="tab" href={path} aria-current={path === current ? 'page' : undefined}>
          {label}
        </a>
      ))}
    </nav>
  )
}
