import type { JSX } from 'preact'
import Limits, { type LimitsProps } from '../../islands/Limits.tsx'
import { limitRules } from '../limit-rules.ts'
import { Island } from './island.tsx'
import { definePage } from './page.ts'
import { SettingsNav } from './settings-nav.tsx'

export default definePage<LimitsProps>({
  path: '/settings/limits',
  scope: 'read',
  title: () => 'Limits',
  async load(_app, { ask, identity }) {
    return {
      rules: limitRules(),
      start: await ask('limits.get', {}),
      canChange: identity.scopes.has('admin'),
    }
  },
  view: data => <LimitsView {...data} />,
})

const example = `{
  "code": "RATE_LIMITED",
  "status": 429,
  "error": "Too many requests that change something: at most 100 in 60 s for one token. Try again in 1 s. …",
  "retryable": true,
  "retryAfterMs": 412,
  "details": { "name": "messages", "limit": 100, "windowMs": 60000, "remaining": 0 }
}`

function LimitsView(props: LimitsProps): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Limits</h1>
      </div>
      <SettingsNav current="/settings/limits" />
      <p class="mb-6 max-w-prose text-muted">
        One client that runs wild must not hurt the others. Each limit is a bucket that fills up evenly: all of it may
        come at once, and then only as fast as it fills. What one limit refuses takes nothing from another.
      </p>
      <Island name="Limits" of={Limits} props={props} />
      <section aria-labelledby="refused">
        <h2 id="refused" class="mb-2">
          What a refused client sees
        </h2>
        <p class="max-w-prose">
          Over a WebSocket the answer to its request is an <code>error</code>; over HTTP it is the status 429 with the
          same body and <code>Retry-After</code>. Nothing was done, so it can send the same again after{' '}
          <code>retryAfterMs</code>. This dashboard says so too, and keeps what was entered.
        </p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
        <pre class="code-box mt-3" tabIndex={0}>
          {example}
        </pre>
        <p class="mt-3 max-w-prose">
          Beside these limits, every change is refused with <code>OVERLOADED</code> while the gateway is later than{' '}
          <code>limits.maxLagMs</code>, and a request that has waited for <code>limits.requestDeadlineMs</code> with{' '}
          <code>TIMEOUT</code>. <a href="/docs?name=limits">More about limits</a>
        </p>
      </section>
    </>
  )
}
