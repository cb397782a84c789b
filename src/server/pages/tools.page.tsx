import type { JSX } from 'preact'
import { decisionWord } from '../../islands/tools/words.ts'
import type { ToolDecision, ToolInfo } from '../../protocol/shapes.ts'
import { definePage } from './page.ts'
import { WithSettings } from './setting-links.tsx'
import { ToolsNav } from './tools-nav.tsx'

const maxQueryChars = 200

interface ToolsData {
  groups: { name: string; tools: ToolInfo[] }[]
  decisions: Record<string, ToolDecision>
  /** Names of the settings, which a reason may name. */
  settings: string[]
  query: string
  /** Of all tools, whatever the filter. */
  count: number
}

export default definePage<ToolsData>({
  path: '/tools',
  scope: 'read',
  navigation: { label: 'Tools', order: 3 },
  title: () => 'Tools',
  async load(app, { ask, identity, query }) {
    const text = (query('query') ?? '').trim().slice(0, maxQueryChars)
    const [{ tools }, decisions] = await Promise.all([
      ask('tools.list', {}),
      app.tools.decisions({ tokenId: identity.tokenId }),
    ])
    const found = tools.filter(tool => matches(tool, text))
    const settings = Object.keys(app.config)
    return { groups: groupsOf(found), decisions, settings, query: text, count: tools.length }
  },
  view: data => <Tools {...data} />,
})

/** Whether each word is somewhere in what the list shows of a tool. */
function matches({ name, description, group, permission }: ToolInfo, text: string): boolean {
  const about = `${name} ${group} ${permission} ${description}`.toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every(word => about.includes(word))
}

function groupsOf(tools: readonly ToolInfo[]): ToolsData['groups'] {
  const groups = Map.groupBy(tools, tool => tool.group)
  return [...groups]
    .map(([name, members]) => ({ name, tools: members }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
}

function Tools({ groups, decisions, settings, query, count }: ToolsData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Tools</h1>
      </div>
      <ToolsNav current="/tools" />
      <search>
        <form class="filter" method="get" action="/tools">
          <div class="flex-[1_1_14rem]">
            <label class="label" for="query">
              Search
            </label>
            <input
              id="query"
              class="input"
              type="search"
              name="query"
              value={query}
              maxLength={maxQueryChars}
              placeholder="Name, group, permission or words of what it does"
            />
          </div>
          <button type="submit" class="button">
            Filter
          </button>
          {query !== '' && (
            <a class="button button-quiet" href="/tools">
              Clear
            </a>
          )}
        </form>
      </search>
      {groups.length === 0 && <NoTools query={query} count={count} />}
      {groups.map(group => (
        <section key={group.name} class="mb-8" aria-labelledby={`group-${group.name}`}>
          <h2 id={`group-${group.name}`} class="mb-2.5">
            {group.name}
          </h2>
          <ul class="card divide-y divide-line">
            {group.tools.map(tool => (
              <ToolRow key={tool.name} {...{ tool, settings }} decision={decisions[tool.name]} />
            ))}
          </ul>
        </section>
      ))}
    </>
  )
}

function ToolRow(input: { tool: ToolInfo; decision: ToolDecision | undefined; settings: string[] }): JSX.Element {
  const { tool, decision, settings } = input
  const shown = decision && decisionWord(decision)
  return (
    <li class="row max-sm:flex-col max-sm:items-start max-sm:gap-2">
      <div class="min-w-0 flex-1 max-sm:w-full">
        <a class="row-link font-mono" href={`/tools/${encodeURIComponent(tool.name)}`}>
          {tool.name}
        </a>
        <p class="mt-1 text-sm text-muted">{tool.description}</p>
        {tool.reason !== undefined && (
          <p class="relative mt-1 w-fit text-sm text-warn">
            <WithSettings text={tool.reason} settings={settings} />
          </p>
        )}
      </div>
      <p class="flex items-center gap-3 text-sm whitespace-nowrap sm:w-52 sm:shrink-0">
        <span class="badge">{tool.permission}</span>
        {!tool.available ? (
          <span class="flex items-center gap-2 text-muted">
            <span class="dot" aria-hidden="true" />
            Not available
          </span>
        ) : (
          shown && (
            <span class="flex items-center gap-2" title={decision.why}>
              <span class={`dot dot-${shown.tone}`} aria-hidden="true" />
              {shown.word}
            </span>
          )
        )}
      </p>
    </li>
  )
}

function NoTools({ query, count }: { query: string; count: number }): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">{count === 0 ? 'There are no tools' : 'No tool matches'}</p>
      <p>
        {query === '' ? (
          'The setting tools.disabled switches all of them off.'
        ) : (
          <>
            Use other words, or <a href="/tools">show all {count} tools</a>.
          </>
        )}
      </p>
    </div>
  )
}
