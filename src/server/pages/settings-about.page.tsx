import type { JSX } from 'preact'
import { Time } from '../../islands/parts/Time.tsx'
import { duration } from '../../islands/times.ts'
import { protocolVersion } from '../../protocol/version.ts'
import { type BundledPackage, bundledPackages } from '../bundled-packages.ts'
import type { Report } from '../doctor.ts'
import { machineWords } from '../machine-words.ts'
import { type OwnDoc, ownDocs } from '../own-docs.ts'
import { definePage } from './page.ts'
import { DoctorReport } from './settings-doctor.tsx'
import { SettingsNav } from './settings-nav.tsx'

interface AboutData {
  facts: { label: string; value: string }[]
  packages: BundledPackage[]
  docs: OwnDoc[]
  /** Undefined for somebody who may not see it. */
  report: Report | undefined
  now: number
}

export default definePage<AboutData>({
  path: '/settings/about',
  scope: 'read',
  title: () => 'About',
  async load(app, { identity, now, sent }) {
    const isAdmin = identity.scopes.has('admin')
    const [packages, docs] = await Promise.all([bundledPackages(), ownDocs()])
    const shown = sent?.shown as Report | undefined // What the action below returns.
    // Whoever opens the page does not wait for providers; the button asks them.
    const report = isAdmin ? (shown ?? (await app.doctor.report({ offline: true }))) : undefined
    const uptimeMs = Math.max(0, now - app.lifecycle.startedAt)
    const facts = [
      { label: 'Talon', value: app.version },
      { label: 'Protocol', value: protocolVersion },
      { label: 'Up', value: duration(uptimeMs) },
      ...machineWords(),
      { label: 'Sandbox', value: app.sandbox.level },
      ...(isAdmin ? [{ label: 'Data folder', value: app.home }] : []),
    ]
    return { facts, packages, docs, report, now }
  },
  view: data => <About {...data} />,
  actions: {
    examine: {
      scope: 'admin',
      async run(app, { form }) {
        const report = await app.doctor.report({
          offline: form.get('providers') !== 'yes',
          full: form.get('full') === 'yes',
        })
        return { shown: report }
      },
    },
  },
})

function About({ facts, packages, docs, report, now }: AboutData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>About</h1>
      </div>
      <SettingsNav current="/settings/about" />
      <dl class="card grid gap-x-8 gap-y-3 px-5 py-4 text-sm sm:grid-cols-2 lg:grid-cols-4">
        {facts.map(({ label, value }) => (
          <div key={label}>
            <dt class="text-muted">{label}</dt>
            <dd class="font-medium break-all">{value}</dd>
          </div>
        ))}
      </dl>
      {report && <DoctorReport report={report} when={<Time at={report.examinedAt} now={now} />} />}
      <Docs docs={docs} />
      <Packages packages={packages} />
    </>
  )
}

function Docs({ docs }: Pick<AboutData, 'docs'>): JSX.Element {
  return (
    <section class="mt-10" aria-labelledby="docs">
      <h2 id="docs" class="mb-2">
        Documentation
      </h2>
      {docs.length === 0 ? (
        <p class="card px-5 py-4 text-muted">This installation came without it: it is the folder docs of the source.</p>
      ) : (
        <ul class="card grid gap-x-6 gap-y-1 px-5 py-4 text-sm sm:grid-cols-2 lg:grid-cols-3">
          {docs.map(({ name, title }) => (
            <li key={name}>
              <a href={`/docs?name=${name}`}>{title}</a>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Packages({ packages }: Pick<AboutData, 'packages'>): JSX.Element {
  const licences = Object.groupBy(packages, ({ licence }) => licence)
  const counts = Object.entries(licences).map(([licence, found = []]) => ({ licence, count: found.length }))
  const summary = counts.sort((a, b) => b.count - a.count).map(({ licence, count }) => `${count} under ${licence}`)
  return (
    <section class="mt-10" aria-labelledby="licences">
      <h2 id="licences" class="mb-2">
        Licences
      </h2>
      <p class="mb-3 max-w-prose text-muted">
        Talon is under the MIT licence.{' '}
        {packages.length === 0
          ? 'What it is made of is listed here once it was built: npm run build.'
          : `It is made of ${packages.length} packages of others: ${summary.join(', ')}.`}
      </p>
      {packages.length > 0 && (
        <details class="card">
          <summary class="cursor-pointer px-5 py-3 text-sm font-medium">Every package</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
          <div class="overflow-x-auto" tabIndex={0}>
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">Package</th>
                  <th scope="col">Version</th>
                  <th scope="col">Licence</th>
                </tr>
              </thead>
              <tbody>
                {packages.map(({ name, version, licence }) => (
                  <tr key={`${name} ${version}`}>
                    <th scope="row">{name}</th>
                    <td>{version}</td>
                    <td>{licence}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  )
}
