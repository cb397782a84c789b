import { gateway } from '../connection.ts'
import { type Key, pageKeys } from '../parts/keys.ts'
import { say } from '../parts/notices.ts'
import { sentence } from '../parts/sentence.ts'
import { setTheme, themes } from '../parts/theme.ts'
import { places } from './places.ts'

/** One line of the command palette. */
export interface Command {
  id: string
  label: string
  /** Where it belongs, or the key that does the same. */
  hint?: string
  keys?: string
  run: () => unknown
}

export interface CommandGroup {
  name: string
  commands: Command[]
}

// A list that is longer is not read; whoever looks for more types on.
const maxShown = 6

/** What can be done without asking the gateway, by what the words of the query say. */
export function staticGroups(query: string, options: { canWrite: boolean; showKeys: () => void }): CommandGroup[] {
  const doable = actions(options)
  // What a page has a key for may be an action of every page.
  const ofPage = pageKeys.peek().filter(({ label }) => !doable.some(action => action.label === label))
  const groups = [
    { name: 'Pages', commands: places.filter(({ of }) => query !== '' || !of).map(pageCommand) },
    { name: 'On this page', commands: ofPage.flatMap(keyCommand) },
    { name: 'Actions', commands: doable },
  ].map(({ name, commands }) => ({ name, commands: matching(commands, query) }))
  const isExact = ({ commands }: CommandGroup) => commands[0]?.label.toLowerCase() === query.toLowerCase()
  return [...groups.filter(isExact), ...groups.filter(group => !isExact(group))]
}

/** Sessions whose title, sender or id has the query; without one the newest. @throws TalonClientError */
export async function findSessions(query: string): Promise<CommandGroup> {
  const { sessions } = await gateway().request('session.list', { limit: maxShown, ...(query && { query }) })
  const commands = sessions.map(({ id, title, channel }) => ({
    id: `session-${id}`,
    label: title || `Untitled ${id.slice(-8)}`,
    hint: channel,
    run: () => location.assign(`/sessions/${encodeURIComponent(id)}`),
  }))
  return { name: query === '' ? 'Newest sessions' : 'Sessions', commands }
}

/** Every tool there is. @throws TalonClientError */
export async function listTools(): Promise<Command[]> {
  const { tools } = await gateway().request('tools.list', {})
  return tools.map(({ name, group }) => ({
    id: `tool-${name}`,
    label: name,
    hint: group,
    run: () => location.assign(`/tools/${encodeURIComponent(name)}`),
  }))
}

/** The tools that the query names; none without one, because there are many. */
export function matchingTools(tools: readonly Command[], query: string): CommandGroup {
  return { name: 'Tools', commands: query === '' ? [] : matching(tools, query).slice(0, maxShown) }
}

/** Those of which label or hint have every word of the query; those that begin with it first. */
function matching(commands: readonly Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/)
  const found = commands.filter(({ label, hint = '' }) => {
    const text = `${label} ${hint}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
  const rank = ({ label }: Command) => {
    const [name, asked] = [label.toLowerCase(), query.toLowerCase()]
    return name === asked ? 0 : name.startsWith(asked) ? 1 : 2
  }
  return found.sort((a, b) => rank(a) - rank(b))
}

function pageCommand({ path, label, of, key }: (typeof places)[number]): Command {
  return {
    id: `page-${path}`,
    label,
    ...(of && { hint: of }),
    ...(key && { keys: `g ${key}` }),
    run: () => location.assign(path),
  }
}

function keyCommand({ keys, label, everywhere, run }: Key): Command[] {
  if (everywhere) return []
  return [{ id: `key-${keys}`, label, keys, run: () => run(new KeyboardEvent('keydown')) }]
}

function actions({ canWrite, showKeys }: { canWrite: boolean; showKeys: () => void }): Command[] {
  const signOut = document.querySelector<HTMLFormElement>('form[action="/logout"]')
  return [
    ...(canWrite ? [{ id: 'new-session', label: 'New session', run: newSession }] : []),
    ...(location.pathname.startsWith('/sessions/')
      ? [{ id: 'copy-link', label: 'Copy the link to this session', run: copyLink }]
      : []),
    ...themes.map(theme => ({
      id: `theme-${theme}`,
      label: theme === 'system' ? 'Theme of the system' : `${theme === 'dark' ? 'Dark' : 'Light'} theme`,
      run: () => setTheme(theme),
    })),
    { id: 'doctor', label: 'Run the doctor', hint: 'About', run: () => location.assign('/settings/about') },
    { id: 'keys', label: 'Show the keys of this page', keys: '?', run: showKeys },
    ...(signOut ? [{ id: 'sign-out', label: 'Sign out', run: () => signOut.requestSubmit() }] : []),
  ]
}

async function newSession(): Promise<void> {
  try {
    const { sessionId } = await gateway().request('session.create', { senderId: 'web-user', channel: 'webchat' })
    location.assign(`/sessions/${encodeURIComponent(sessionId)}`)
  } catch (error) {
    say(sentence('The session was not created.', error), { tone: 'danger' })
  }
}

async function copyLink(): Promise<void> {
  const [, , id = ''] = location.pathname.split('/')
  try {
    await navigator.clipboard.writeText(`${location.origin}/sessions/${id}`)
    say('The link is copied.')
  } catch {
    say('The browser did not let the link be copied. It is in the address bar.', { tone: 'danger' })
  }
}
