import type { ComponentChildren, JSX } from 'preact'
import { useContext } from 'preact/hooks'
import ConnectionNotice from '../../islands/ConnectionNotice.tsx'
import ConnectionStatus from '../../islands/ConnectionStatus.tsx'
import Notices from '../../islands/Notices.tsx'
import type { AssetTags } from './assets.ts'
import { Island, IslandNames } from './island.tsx'

export interface ShellProps {
  title: string
  tags: AssetTags
  /** Path of the page, to mark it in the navigation. */
  path: string
  navigation: { label: string; path: string }[]
  /** False on the sign-in page and on errors of nobody: then there is no navigation and no connection. */
  signedIn: boolean
  /** False where nobody signed in, because everybody may enter. */
  canSignOut: boolean
  /** What a form did, and why another did nothing. */
  said: string | undefined
  problem: string | undefined
  children: ComponentChildren
}

/** The document around every page. */
export function Shell(props: ShellProps): JSX.Element {
  const { title, tags, signedIn, children } = props
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Talon`}</title>
        <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
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
              <Island name="ConnectionNotice" of={ConnectionNotice} props={{}} />
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

function Sidebar({ path, navigation, canSignOut }: ShellProps): JSX.Element {
  return (
    <header class="sidebar">
      <a class="brand" href="/" aria-label="Talon, dashboard">
        <Logo />
        <span class="max-md:sr-only">Talon</span>
      </a>
      <nav aria-label="Main" class="sidebar-nav">
        {navigation.map(link => (
          <a key={link.path} href={link.path} class="nav-link" aria-current={currentOf(link.path, path)}>
            {link.label}
          </a>
        ))}
      </nav>
      <div class="sidebar-foot">
        <Island name="ConnectionStatus" of={ConnectionStatus} props={{}} />
        {canSignOut && (
          <form method="post" action="/logout">
            <button type="submit" class="button button-quiet">
              Sign out
            </button>
          </form>
        )}
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
