import type { JSX } from 'preact'

/** The way between the pages about tools. */
export function ToolsNav({ current, waiting }: { current: string; waiting: number }): JSX.Element {
  const pages = [
    { label: 'All tools', path: '/tools' },
    { label: waiting > 0 ? `Approvals (${waiting})` : 'Approvals', path: '/tools/approvals' },
    { label: 'History', path: '/tools/history' },
  ]
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
