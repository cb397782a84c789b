import type { JSX } from 'preact'
import { dollars, plain } from '../../islands/dashboard/words.ts'
import { duration, exactTime } from '../../islands/times.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { ReplyPayload } from '../../protocol/messages.ts'
import type { App } from '../record.ts'
import { type ActionContext, type ActionOutcome, definePage, type PageContext } from './page.ts'
import { SettingsNav } from './settings-nav.tsx'
import { groupings, UsageTable } from './usage-table.tsx'

type Report = ReplyPayload<'usage.get'>
type Prices = App['config']['budget.prices']

interface BudgetsData {
  report: Report
  prices: Prices
  unknownPrices: 'refuse' | 'allow'
  isAdmin: boolean
  /** What was entered for a price and not kept. */
  entered: URLSearchParams | undefined
}

const maxRows = 100

export default definePage<BudgetsData>({
  path: '/settings/budgets',
  scope: 'read',
  title: () => 'Budgets and usage',
  async load(app, context) {
    const { 'budget.prices': prices, 'budget.unknownPrices': unknownPrices } = app.config
    const isAdmin = context.identity.scopes.has('admin')
    const { sent } = context
    const entered = sent?.action === 'price' ? sent.form : undefined
    return { report: await reportFor(context), prices, unknownPrices, isAdmin, entered }
  },
  view: data => <Budgets {...data} />,
  actions: { price: { scope: 'admin', run: setPrice }, forget: { scope: 'admin', run: forgetPrice } },
})

function reportFor({ ask, query }: PageContext): Promise<Report> {
  const by = groupings.find(name => name === query('by')) ?? 'day'
  return ask('usage.get', { by, limit: maxRows, from: query('from'), to: query('to') })
}

async function setPrice(app: App, context: ActionContext): Promise<ActionOutcome> {
  const { form } = context
  const model = (form.get('model') ?? '').trim()
  if (model === '') throw new TalonError('INVALID_MESSAGE', 'Name the model, as “provider/model” or “model”.')
  const price = form.get('free') === 'on' ? ('free' as const) : priceIn(form)
  await change(context, { ...app.config['budget.prices'], [model]: price })
  return { said: `The price of ${model} is kept. It counts from the next call on.` }
}

function priceIn(form: URLSearchParams): Exclude<Prices[string], 'free'> {
  const usd = (name: string) => {
    const text = (form.get(name) ?? '').trim()
    return text === '' ? undefined : Number(text)
  }
  const [input, output, cachedInput] = [usd('input'), usd('output'), usd('cachedInput')]
  if (!(input !== undefined && output !== undefined && input > 0 && output > 0)) {
    throw new TalonError('INVALID_MESSAGE', 'Give the USD for a million tokens of input and of output, or tick “free”.')
  }
  return { input, output, ...(cachedInput !== undefined && { cachedInput }) }
}

async function forgetPrice(app: App, context: ActionContext): Promise<ActionOutcome> {
  const model = context.form.get('model') ?? ''
  const prices = app.config['budget.prices']
  if (!Object.hasOwn(prices, model)) {
    throw new TalonError('NOT_FOUND', 'There is no price of this model. Load the page again.')
  }
  const { [model]: _, ...others } = prices
  await change(context, others)
  return { said: `The price of ${model} is forgotten.` }
}

async function change({ ask }: ActionContext, prices: Prices): Promise<void> {
  const { hash } = await ask('config.get', {})
  await ask('config.update', { hash, changes: { 'budget.prices': prices } })
}

function Budgets(data: BudgetsData): JSX.Element {
  const { report } = data
  return (
    <>
      <div class="page-head">
        <h1>Budgets and usage</h1>
      </div>
      <SettingsNav current="/settings/budgets" />
      <section aria-labelledby="budgets">
        <h2 id="budgets">Budgets</h2>
        <p class="mt-1 mb-4 max-w-prose text-muted">
          What a call of a model may take is set aside before it and settled after it; what would go beyond is refused.{' '}
          <a href="/settings?q=budget">Set budgets</a>.
        </p>
        {report.budgets.length === 0 ? <NoBudgets /> : <Lines budgets={report.budgets} />}
      </section>
      <UsageTable report={report} />
      <PriceTable {...data} />
    </>
  )
}

function NoBudgets(): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">No budget is set</p>
      <p>
        Agents may spend without bound. A daily one, such as <code>budget.dailyUsd</code>, keeps a mistake small.
      </p>
    </div>
  )
}

function Lines({ budgets }: { budgets: Report['budgets'] }): JSX.Element {
  return (
    <ul class="card divide-y divide-line">
      {budgets.map(({ name, unit, limit, spent, reserved, resetsAt }) => (
        <li key={name} class="grid gap-2 px-5 py-4">
          <div class="flex flex-wrap items-baseline justify-between gap-x-4">
            <span class="font-medium">{name}</span>
            <span class="text-sm text-muted">
              {amount(spent, unit)} of {amount(limit, unit)} spent
              {reserved > 0 && `, ${amount(reserved, unit)} set aside`}
              {resetsAt !== null && `, anew at ${exactTime(resetsAt)}`}
            </span>
          </div>
          <meter
            class="meter"
            min={0}
            max={limit}
            low={limit * 0.8}
            high={limit * 0.99}
            optimum={0}
            value={Math.min(limit, spent + reserved)}
            aria-label={`${name}: ${amount(spent + reserved, unit)} of ${amount(limit, unit)}`}
          />
        </li>
      ))}
    </ul>
  )
}

function amount(value: number, unit: Report['budgets'][number]['unit']): string {
  if (unit === 'USD') return dollars(value)
  if (unit === 'ms') return duration(value)
  return `${plain(value)} ${unit === 'toolCalls' ? 'tool runs' : 'tokens'}`
}

function PriceTable({ prices, unknownPrices, isAdmin, entered }: BudgetsData): JSX.Element {
  const rows = Object.entries(prices)
  return (
    <section class="mt-10" aria-labelledby="prices">
      <h2 id="prices">Prices</h2>
      <p class="mt-1 mb-4 max-w-prose text-muted">
        USD for a million tokens. They win over the list prices that are built in. A model whose price nobody knows{' '}
        {unknownPrices === 'refuse' ? 'is not asked while there is a budget in USD' : 'is asked, and counts as nothing'}
        .
      </p>
      {rows.length > 0 && (
        <div class="table-box mb-4">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col" class="num">
                  Input
                </th>
                <th scope="col" class="num">
                  Output
                </th>
                <th scope="col" class="num">
                  Cached
                </th>
                {isAdmin && (
                  <th scope="col">
                    <span class="sr-only">What to do with it</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map(([model, price]) => (
                <PriceRow key={model} model={model} price={price} isAdmin={isAdmin} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {isAdmin ? (
        <PriceForm entered={entered} />
      ) : (
        rows.length === 0 && <p class="text-muted">None of your own are set.</p>
      )}
    </section>
  )
}

function PriceRow({ model, price, isAdmin }: { model: string; price: Prices[string]; isAdmin: boolean }): JSX.Element {
  const cells = price === 'free' ? ['free', 'free', '–'] : [price.input, price.output, price.cachedInput ?? '–']
  return (
    <tr>
      <th scope="row" class="break-all">
        {model}
      </th>
      {cells.map((cell, at) => (
        <td key={`${model}-${at}`} class="num">
          {cell}
        </td>
      ))}
      {isAdmin && (
        <td>
          <form method="post" class="flex justify-end">
            <input type="hidden" name="model" value={model} />
            <button
              type="submit"
              class="button button-quiet"
              name="action"
              value="forget"
              aria-label={`Forget ${model}`}
            >
              Forget
            </button>
          </form>
        </td>
      )}
    </tr>
  )
}

function PriceForm({ entered }: Pick<BudgetsData, 'entered'>): JSX.Element {
  const text = (name: string) => entered?.get(name) ?? ''
  const amounts = [
    ['input', 'Input'],
    ['output', 'Output'],
    ['cachedInput', 'Cached input'],
  ] as const
  return (
    <form method="post" class="filter">
      <div class="flex-[2_1_12rem]">
        <label class="label" for="model">
          Model
        </label>
        <input
          id="model"
          class="input"
          name="model"
          value={text('model')}
          maxLength={300}
          required
          placeholder="provider/model"
          autocomplete="off"
        />
      </div>
      {amounts.map(([name, label]) => (
        <div key={name} class="flex-[1_1_6rem]">
          <label class="label" for={name}>
            {label}
          </label>
          <input id={name} class="input" name={name} value={text(name)} inputMode="decimal" autocomplete="off" />
        </div>
      ))}
      <label class="flex min-h-10 items-center gap-2 text-sm">
        <input type="checkbox" name="free" class="size-4 accent-accent" checked={text('free') === 'on'} /> free
      </label>
      <button type="submit" class="button" name="action" value="price">
        Keep price
      </button>
    </form>
  )
}
