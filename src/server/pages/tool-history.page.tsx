import type { JSX } from 'preact'
import ToolRuns, { type ToolRunsProps } from '../../islands/ToolRuns.tsx'
import type { RunWithOutput } from '../../islands/tools/RunDetails.tsx'
import { type ToolOutcomeName, toolOutcomes } from '../../protocol/shapes.ts'
import { Island } from './island.tsx'
import { definePage, type PageContext } from './page.ts'
import { tokenNames } from './token-names.ts'
import { namedRun, RunSection } from './tool-run.tsx'
import { ToolsNav } from './tools-nav.tsx'

const pageSize = 30
// The bounds of the protocol's own fields.
const maxNameChars = 100
const maxIdChars = 128

interface Filter {
  tool?: string
  outcome?: ToolOutcomeName
  session?: string
}

interface HistoryData {
  filter: Filter
  runs: ToolRunsProps
  /** The run that the address names. */
  known: RunWithOutput | undefined
  tools: string[]
  next: string | undefined
  first: string | undefined
}

export default definePage<HistoryData>({
  path: '/tools/history',
  scope: 'read',
  title: () => 'Runs of tools',
  async load(app, context) {
    const { ask, identity, now, query } = context
    const filter = filterOf(context)
    const { tool: toolName, outcome, session: sessionId } = filter
    const before = query('before')
    const [history, listed, names, known] = await Promise.all([
      ask('tools.history', { toolName, outcome, sessionId, before, limit: pageSize }),
      ask('tools.list', {}),
      tokenNames(app, identity),
      namedRun(context),
    ])
    return {
      filter,
      runs: { runs: history.runs, live: undefined, here: addressOf(filter), names, now },
      known,
      tools: listed.tools.map(({ name }) => name),
      next: history.nextCursor === null ? undefined : addressOf(filter, history.nextCursor),
      first: before === undefined ? undefined : addressOf(filter),
    }
  },
  view: data => <History {...data} />,
})

/** The filter in the address. An outcome that does not exist filters nothing. */
function filterOf({ query }: PageContext): Filter {
  const [tool, session] = [query('tool')?.trim(), query('session')?.trim()]
  const outcome = toolOutcomes.find(name => name === query('outcome'))
  return {
    ...(tool && { tool: tool.slice(0, maxNameChars) }),
    ...(outcome && { outcome }),
    ...(session && { session: session.slice(0, maxIdChars) }),
  }
}

function addressOf(filter: Filter, before?: string): string {
  const query = new URLSearchParams({ ...filter, ...(before !== undefined && { before }) }).toString()
  return query === '' ? '/tools/history' : `/tools/history?${query}`
}

function History({ filter, runs, known, tools, next, first }: HistoryData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Runs of tools</h1>
      </div>
      <ToolsNav current="/tools/history" />
      {known && <RunSection known={known} names={runs.names} now={runs.now} />}
      <FilterForm filter={filter} tools={tools} />
      {runs.runs.length === 0 ? (
        <Empty isFiltered={Object.keys(filter).length > 0} hasMore={next !== undefined} />
      ) : (
        <Island name="ToolRuns" of={ToolRuns} props={runs} />
      )}
      <nav class="mt-5 flex gap-3" aria-label="Pages">
        {first !== undefined && (
          <a class="button" href={first}>
            Newest
          </a>
        )}
        {next !== undefined && (
          <a class="button" href={next} rel="next">
            Older
          </a>
        )}
      </nav>
    </>
  )
}

function FilterForm({ filter, tools }: { filter: Filter; tools: string[] }): JSX.Element {
  // One of the past may not be there any more.
  const names = filter.tool === undefined || tools.includes(filter.tool) ? tools : [filter.tool, ...tools]
  return (
    <search>
      <form class="filter" method="get" action="/tools/history">
        <div class="flex-[1_1_10rem]">
          <label class="label" for="tool">
            Tool
          </label>
          <select id="tool" class="input" name="tool">
            <option value="">Any</option>
            {names.map(name => (
              <option key={name} value={name} selected={name === filter.tool}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <div class="flex-[1_1_8rem]">
          <label class="label" for="outcome">
            Outcome
          </label>
          <select id="outcome" class="input" name="outcome">
            <option value="">Any</option>
            {toolOutcomes.map(outcome => (
              <option key={outcome} value={outcome} selected={outcome === filter.outcome}>
                {outcome}
              </option>
            ))}
          </select>
        </div>
        <div class="flex-[2_1_14rem]">
          <label class="label" for="session">
            Session
          </label>
          <input
            id="session"
            class="input"
            name="session"
            value={filter.session ?? ''}
            maxLength={maxIdChars}
            placeholder="Id of a session"
            autocomplete="off"
            spellcheck={false}
          />
        </div>
        <button type="submit" class="button">
          Filter
        </button>
        {Object.keys(filter).length > 0 && (
          <a class="button button-quiet" href="/tools/history">
            Clear
          </a>
        )}
      </form>
    </search>
  )
}

function Empty({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }): JSX.Element {
  if (hasMore) {
    return (
      <div class="card empty">
        <p class="font-medium text-ink">None among these runs</p>
        <p>A page looks at 10,000 runs. Go on with “Older”, or change the filter.</p>
      </div>
    )
  }
  return (
    <div class="card empty">
      <p class="font-medium text-ink">{isFiltered ? 'No run matches' : 'No tool has run yet'}</p>
      <p>
        {isFiltered ? (
          <>
            Change the filter, or <a href="/tools/history">show all runs</a>. Runs are kept for 30 days.
          </>
        ) : (
          <>
            Run one under <a href="/tools">All tools</a>; what the assistant runs is listed here too.
          </>
        )}
      </p>
    </div>
  )
}
