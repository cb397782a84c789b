import type { ComponentChildren, JSX } from 'preact'
import { useContext } from 'preact/hooks'
import ApprovalCount from '../../islands/ApprovalCount.tsx'
import ConnectionNotice from '../../islands/ConnectionNotice.tsx'
import ConnectionStatus from '../../islands/ConnectionStatus.tsx'
import Notices from '../../islands/Notices.tsx'
import Palette from '../../islands/Palette.tsx'
import { Icon, sectionIcon } from '../../islands/parts/Icon.tsx'
import ThemeSwitch from '../../islands/ThemeSwitch.tsx'
import type { Theme } from '../cookies.ts'
import type { AssetTags } from './assets.ts'
import { Island, IslandNames } from './island.tsx'

export interface ShellProps {
  title: string
  tags: AssetTags
  /** Path of the page, to mark it in the navigation. */
  path: string
  /** The same with its query, to come back to it. */
  here: string
  theme: Theme
  navigation: { label: string; path: string }[]
  /** False on the sign-in page and on errors of nobody: then there is no navigation and no connection. */
  signedIn: boolean
  /** False where nobody signed in, because everybody may enter. */
  canSignOut: boolean
  canWrite: boolean
  /** How many calls of tools wait for whoever looks. */
  waiting: number
  /** Unix ms. */
  now: number
  /** What a form did, and why another did nothing. */
  said: string | undefined
  problem: string | undefined
  children: ComponentChildren
}

/** The document around every page. */
export function Shell(props: ShellProps): JSX.Element {
  const { title, tags, signedIn, theme, children } = props
  return (
    <html lang="en" data-theme={theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content={theme === 'system' ? 'light dark' : theme} />
        {theme !== 'dark' && <meta name="theme-color" content="#ffffff" media={mediaOf(theme, 'light')} />}
        {theme !== 'light' && <meta name="theme-color" content="#1b1e1b" media={mediaOf(theme, 'dark')} />}
        <title>{`${title} · Talon`}</title>
        <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
        <link rel="apple-touch-icon" href="/icons/maskable-192.png" />
        <link rel="manifest" href="/manifest.webmanifest" />
        {tags.styles.map(href => (
          <link key={href} rel="stylesheet" href={href} />
        ))}
        {tags.scripts.map(src => (
          <script key={src} type="module" src={src} />
        ))}
      </head>
      <body>
        <a class="skip-link" href="#main">
          Skip to content
        </a>
        {signedIn ? (
          <div class="frame">
            <Sidebar {...props} />
            <main id="main" class="content" tabIndex={-1}>
              {props.said && (
                <p class="alert mb-6" role="status">
                  {props.said}
                </p>
              )}
              {props.problem && (
                <p class="alert alert-danger mb-6" role="alert">
                  {props.problem}
                </p>
              )}
              {children}
            </main>
            <Island name="ConnectionNotice" of={ConnectionNotice} props={{}} />
            <Island name="Notices" of={Notices} props={{}} />
          </div>
        ) : (
          <main id="main" class="lone" tabIndex={-1}>
            {children}
          </main>
        )}
        <Preloads tags={tags} />
      </body>
    </html>
  )
}

function mediaOf(theme: Theme, scheme: 'light' | 'dark'): string | undefined {
  return theme === 'system' ? `(prefers-color-scheme: ${scheme})` : undefined
}

function Sidebar({ path, here, navigation, theme, canSignOut, canWrite, waiting, now }: ShellProps): JSX.Element {
  return (
    <header class="sidebar">
      <a class="brand" href="/" aria-label="Talon, dashboard">
        <Logo />
        <span class="max-md:sr-only">Talon</span>
      </a>
      <Island name="Palette" of={Palette} props={{ canWrite }} class="flex flex-col max-md:ml-auto" />
      <nav aria-label="Main" class="sidebar-nav">
        {navigation.map(link => (
          <a key={link.path} href={link.path} class="nav-link" aria-current={currentOf(link.path, path)}>
            <Icon name={sectionIcon(link.path)} />
            {link.label}
            {link.path === '/tools' && (
              <Island name="ApprovalCount" of={ApprovalCount} props={{ count: waiting, now }} class="contents" />
            )}
          </a>
        ))}
      </nav>
      <div class="sidebar-foot">
        <Island name="ConnectionStatus" of={ConnectionStatus} props={{}} />
        <div class="sidebar-foot-row">
          <Island name="ThemeSwitch" of={ThemeSwitch} props={{ theme, next: here }} />
          {canSignOut && (
            <form method="post" action="/logout">
              <button type="submit" class="icon-button" title="Sign out" aria-label="Sign out">
                <Icon name="leave" />
              </button>
            </form>
          )}
        </div>
      </div>
    </header>
  )
}

/** The page itself, or the section that it belongs to. */
function currentOf(link: string, path: string): 'page' | 'true' | undefined {
  if (link === path) return 'page'
  return link !== '/' && path.startsWith(`${link}/`) ? 'true' : undefined
}

export function Logo(): JSX.Element {
  return <img src="/favicon.svg" width={28} height={28} alt="" />
}

/** At the end of the document, where the islands of the page are known. */
function Preloads({ tags }: { tags: AssetTags }): JSX.Element {
  const names = useContext(IslandNames)
  return (
    <>
      {tags.preloads(names).map(href => (
        <link key={href} rel="modulepreload" href={href} />
      ))}
    </>
  )
}
