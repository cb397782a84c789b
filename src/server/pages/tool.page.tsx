import type { JSX } from 'preact'
import ToolForm, { type ToolFormProps } from '../../islands/ToolForm.tsx'
import ToolRuns, { type ToolRunsProps } from '../../islands/ToolRuns.tsx'
import { formOf } from '../../islands/tools/fields.ts'
import { entriesOf, jsonName, type Read, readFields, readJson } from '../../islands/tools/form.ts'
import { Result } from '../../islands/tools/Result.tsx'
import type { RunWithOutput } from '../../islands/tools/RunDetails.tsx'
import { decisionWord } from '../../islands/tools/words.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { ToolDecision, ToolInfo } from '../../protocol/shapes.ts'
import type { App, Identity, ToolOutcome } from '../record.ts'
import { Island } from './island.tsx'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { sessionChoices } from './session-choices.ts'
import { WithSettings } from './setting-links.tsx'
import { tokenNames } from './token-names.ts'
import { namedRun, RunSection } from './tool-run.tsx'
import { ToolsNav } from './tools-nav.tsx'

const runCount = 20

interface ToolData {
  tool: ToolInfo
  decision: ToolDecision | undefined
  /** Whether the decision is that of a session. */
  ofSession: boolean
  form: ToolFormProps
  runs: ToolRunsProps
  /** What the form that was sent without JavaScript came to. */
  outcome: ToolOutcome | undefined
  /** The run that the address names. */
  known: RunWithOutput | undefined
  next: string | undefined
  isFirstPage: boolean
  /** Names of the settings, which a reason may name. */
  settings: string[]
  /** What there is to know of the arguments that were taken over from a run. */
  note: string | undefined
}

export default definePage<ToolData>({
  path: '/tools/:name',
  scope: 'read',
  title: ({ tool }) => tool.name,
  async load(app, context) {
    const { ask, identity, now, query, sent } = context
    const tool = await toolOf(context)
    const sessionId = (sent ? sent.form.get('session') : query('session')) || undefined
    const before = query('before')
    const [history, names, decisions, sessions, known, filled] = await Promise.all([
      ask('tools.history', { toolName: tool.name, before, limit: runCount }),
      tokenNames(app, identity),
      app.tools.decisions({ tokenId: identity.tokenId, sessionId }),
      sessionChoices(app, sessionId),
      namedRun(context),
      filledOf(app, context, tool),
    ])
    const decision = decisions[tool.name]
    // What `run` below returned.
    const outcome = sent?.shown as ToolOutcome | undefined
    const asks = decision?.outcome === 'ask'
    const obstacle = obstacleOf(tool, identity)
    const live = before === undefined ? { toolName: tool.name, limit: runCount } : undefined
    const here = `/tools/${encodeURIComponent(tool.name)}`
    const { note, ...entered } = filled
    return {
      ...{ tool, decision, ofSession: sessionId !== undefined, note },
      form: { toolName: tool.name, ...entered, sessions, sessionId, asks, obstacle, names, now },
      runs: { runs: history.runs, live, here, names, now },
      ...{ outcome, known },
      settings: Object.keys(app.config),
      next:
        history.nextCursor === null ? undefined : `${here}?before=${encodeURIComponent(history.nextCursor)}#history`,
      isFirstPage: before === undefined,
    }
  },
  view: data => <ToolView {...data} />,
  actions: {
    run: { scope: 'tools', run: (_app, context) => invoke(context, false) },
    dryRun: { scope: 'tools', run: (_app, context) => invoke(context, true) },
  },
})

/** Why whoever looks cannot run it. */
function obstacleOf({ available }: ToolInfo, { scopes }: Identity): string | undefined {
  if (!available) return 'It cannot run while it is not available.'
  return scopes.has('tools') ? undefined : 'Running tools needs a token with the scope “tools”.'
}

/** @throws TalonError `NOT_FOUND` */
async function toolOf({ ask, param }: PageContext): Promise<ToolInfo> {
  const { tools } = await ask('tools.list', {})
  const tool = tools.find(({ name }) => name === param('name'))
  if (!tool)
    throw new TalonError('NOT_FOUND', 'There is no tool of this name. It may have been switched off or removed.')
  return tool
}

async function invoke(context: ActionContext, dryRun: boolean): Promise<ActionOutcome> {
  const { ask, form } = context
  const tool = await toolOf(context)
  const { args, problems } = readSent(tool, form)
  if (Object.keys(problems).length > 0) {
    throw new TalonError('INVALID_MESSAGE', 'The tool was not run: the arguments are not right yet.')
  }
  const sessionId = form.get('session') || undefined
  return { shown: await ask('tools.invoke', { toolName: tool.name, args, sessionId, ...(dryRun && { dryRun }) }) }
}

function readSent({ parameters }: ToolInfo, form: URLSearchParams): Read {
  const json = form.get(jsonName)
  return json === null ? readFields(formOf(parameters).fields, name => form.get(name)) : readJson(json)
}

type Filled = Pick<ToolFormProps, 'fields' | 'takesArguments' | 'entries' | 'json' | 'problems'> & {
  note: string | undefined
}

/** What is in the form: what was sent, what a run of the past had, the example, or nothing. */
async function filledOf(app: App, { query, sent, ask }: PageContext, tool: ToolInfo): Promise<Filled> {
  const form = formOf(tool.parameters)
  const nothing = { ...form, entries: undefined, json: undefined, problems: {}, note: undefined }
  if (sent) {
    const { problems } = readSent(tool, sent.form)
    const json = sent.form.get(jsonName) ?? undefined
    return { ...nothing, problems, json, entries: json === undefined ? Object.fromEntries(sent.form) : undefined }
  }
  const again = query('again')
  const known = again === undefined ? undefined : await app.store.getInvocationItem(again)
  const isJson = query('mode') === 'json' || (form.fields.length === 0 && form.takesArguments)
  if (known?.toolName === tool.name) {
    const { run } = await ask('tools.run', { invocationId: known.id })
    const entries = isJson ? undefined : entriesOf(form.fields, run.args)
    const note = 'These are the arguments as the history keeps them: without secrets, and with long texts cut.'
    return { ...nothing, note, entries, json: entries ? undefined : JSON.stringify(run.args, null, 2) }
  }
  const example = query('fill') === 'example' ? exampleOf(tool) : undefined
  if (example) {
    const entries = isJson ? undefined : entriesOf(form.fields, example)
    return { ...nothing, entries, json: entries ? undefined : JSON.stringify(example, null, 2) }
  }
  return { ...nothing, json: isJson ? '{}' : undefined }
}

function exampleOf({ parameters }: ToolInfo): Record<string, unknown> | undefined {
  const [example] = Array.isArray(parameters['examples']) ? parameters['examples'] : []
  // What a tool gives as an example is what it takes: an object.
  return typeof example === 'object' && example !== null ? (example as Record<string, unknown>) : undefined
}

function ToolView(data: ToolData): JSX.Element {
  const { tool, decision, ofSession, form, runs, next, isFirstPage, note, outcome, known } = data
  const { names, now } = form
  return (
    <>
      <div class="page-head">
        <h1 class="font-mono break-all">{tool.name}</h1>
      </div>
      <ToolsNav current="/tools" />
      <p class="max-w-prose">{tool.description}</p>
      <p class="mt-3 mb-6 flex flex-wrap items-center gap-x-3 gap-y-2 text-sm">
        <span class="badge">{tool.group}</span>
        <span class="badge">{tool.permission}</span>
        {decision && tool.available && <DecisionLine decision={decision} ofSession={ofSession} />}
      </p>
      {!tool.available && (
        <p class="alert alert-warn mb-6">
          <span>
            <strong>Not available here.</strong> <WithSettings text={tool.reason ?? ''} settings={data.settings} />
          </span>
        </p>
      )}
      {outcome && <Result outcome={outcome} names={names} />}
      {known && <RunSection known={known} names={names} now={now} />}
      {note !== undefined && !outcome && <p class="alert mb-4">{note}</p>}
      <Island name="ToolForm" of={ToolForm} props={form} />
      <section class="mt-10" aria-labelledby="history">
        <div class="mb-3 flex items-baseline justify-between gap-4">
          <h2 id="history">Runs of this tool</h2>
          <p class="text-sm">
            <a href={`/tools/history?tool=${encodeURIComponent(tool.name)}`}>Filter them</a>
          </p>
        </div>
        <Island name="ToolRuns" of={ToolRuns} props={runs} />
        <nav class="mt-4 flex gap-3" aria-label="Pages">
          {!isFirstPage && (
            <a class="button" href={`${runs.here}#history`}>
              Newest
            </a>
          )}
          {next !== undefined && (
            <a class="button" href={next} rel="next">
              Older
            </a>
          )}
        </nav>
      </section>
    </>
  )
}

/** What is decided about it for whoever looks, in words. */
function DecisionLine({ decision, ofSession }: { decision: ToolDecision; ofSession: boolean }): JSX.Element {
  const { word, tone } = decisionWord(decision)
  return (
    <span class="flex items-baseline gap-2">
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      <span>
        {word} {ofSession ? 'in this session' : 'for you'}. <span class="text-muted">{decision.why}</span>
      </span>
    </span>
  )
}
