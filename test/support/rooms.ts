/**
 * The rule of the rooms, as docs/architecture.md tells it. A pattern is a path below `src/`: a file, or a folder with all
 * that is in it if it ends in `/`; `*` stands for a part of a name.
 */

export type RoomName = keyof typeof rooms

interface Room {
  /** Where its files are; the first room that matches holds a file. */
  folder: string
  /** What it may import beside its own files. */
  imports: readonly string[]
  /** What it may import for its types. */
  types: readonly string[]
  /** Whether a browser loads it, and so nothing of Node. */
  browser?: true
}

// The store and the model are what the App record speaks in.
const inServer = { imports: ['protocol/', 'server/*'], types: ['db/store.ts', 'server/agent/model.ts'] }

export const rooms = {
  protocol: { folder: 'protocol/', imports: [], types: [], browser: true },
  client: {
    folder: 'client/',
    imports: ['protocol/errors.ts', 'protocol/version.ts'],
    types: ['protocol/'],
    browser: true,
  },
  db: { folder: 'db/', imports: ['protocol/'], types: [] },
  islands: {
    folder: 'islands/',
    imports: ['client/', 'protocol/version.ts'],
    types: ['protocol/'],
    browser: true,
  },
  agent: { folder: 'server/agent/', ...inServer },
  doctor: { folder: 'server/doctor/', imports: ['protocol/', 'db/', 'server/*'], types: [] },
  api: { folder: 'server/api/', ...inServer },
  handlers: { folder: 'server/handlers/', ...inServer },
  pages: { folder: 'server/pages/', imports: [...inServer.imports, 'islands/'], types: inServer.types },
  tools: { folder: 'server/tools/', ...inServer },
  server: {
    folder: 'server/',
    imports: ['protocol/', 'db/', 'server/', '../package.json'],
    types: [],
  },
  cli: {
    folder: 'cli/',
    imports: [
      'protocol/',
      'client/',
      'db/',
      'server/config.ts',
      'server/config-changes.ts',
      'server/config-file.ts',
      'server/doctor.ts',
      'server/log/text.ts',
      'server/secret-files.ts',
      'server/settings.ts',
      'server/trash.ts',
      'server/main.ts',
      '../package.json',
    ],
    types: ['server/*'],
  },
} as const satisfies Record<string, Room>

/** Files that only some others may import at run time: the doors of a room, and what opens ports. */
export const doors: readonly { behind: readonly string[]; door: readonly string[]; for: readonly string[] }[] = [
  { behind: ['server/agent/'], door: ['server/agent/providers.ts', 'server/agent/runs.ts'], for: ['server/*'] },
  {
    behind: ['server/api/'],
    door: ['server/api/health.ts', 'server/api/legacy.ts', 'server/api/metrics.ts', 'server/api/mount.ts'],
    for: ['server/*'],
  },
  {
    behind: ['server/doctor/'],
    door: ['server/doctor/check.ts', 'server/doctor/checks.ts', 'server/doctor/machine.ts'],
    for: ['server/*'],
  },
  { behind: ['server/pages/'], door: ['server/pages/mount.ts'], for: ['server/*'] },
  {
    behind: ['server/tools/'],
    door: [
      'server/tools/approvals/approvals.ts',
      'server/tools/browser/browser.ts',
      'server/tools/compute/compute.ts',
      'server/tools/network/network.ts',
      'server/tools/processes.ts',
      'server/tools/reading/reader.ts',
      'server/tools/registry.ts',
      'server/tools/roots.ts',
      'server/tools/sandbox/sandbox.ts',
      'server/tools/trash/trash.ts',
    ],
    for: ['server/*'],
  },
  { behind: ['server/handlers/'], door: [], for: ['server/*'] },
  {
    behind: ['server/app.ts', 'server/assemble.ts', 'server/dev.ts', 'server/main.ts', 'server/upgrade.ts'],
    door: [],
    for: ['server/agent/', 'server/api/', 'server/handlers/', 'server/pages/', 'server/tools/'],
  },
]

/** Files of which the folder is the registry: nobody imports one by its name, but those named here. */
export const entries: readonly { files: string; importedBy: readonly string[] }[] = [
  { files: 'server/handlers/*', importedBy: [] },
  { files: 'server/tools/*_*.ts', importedBy: [] },
  { files: 'server/tools/calculate.ts', importedBy: [] },
  { files: 'server/tools/delegate.ts', importedBy: [] },
  { files: 'server/pages/*.page.tsx', importedBy: [] },
  { files: 'server/api/v1/*', importedBy: [] },
  { files: 'server/agent/commands/*', importedBy: [] },
  { files: 'islands/*.tsx', importedBy: ['server/pages/'] },
]

/** Where a package may be imported; a package that is not named here is used nowhere. */
export const packages: Readonly<Record<string, { at: readonly string[]; types?: readonly string[] }>> = {
  '@ai-sdk/anthropic': { at: ['server/agent/models/'] },
  '@ai-sdk/openai-compatible': { at: ['server/agent/models/'] },
  '@hono/node-server': {
    at: ['server/main.ts', 'server/dev.ts'],
    types: ['server/http.ts', 'server/listen.ts', 'server/upgrade.ts'],
  },
  '@hono/node-ws': { at: ['server/upgrade.ts'] },
  '@hono/prometheus': { at: ['server/metrics.ts'] },
  '@preact/signals': { at: ['islands/'] },
  'better-sqlite3': { at: ['db/sqlite/'] },
  commander: { at: ['cli/'] },
  croner: { at: ['server/schedule/'] },
  hono: {
    at: ['server/*', 'server/api/'],
    types: ['server/pages/install.ts', 'server/pages/mount.ts', 'server/pages/render.ts', 'server/pages/show.ts'],
  },
  'hono-rate-limiter': { at: ['server/limit-http.ts'] },
  'lru-cache': { at: ['server/*'] },
  marked: { at: ['islands/parts/'] },
  pino: { at: ['server/log.ts', 'server/log/'] },
  preact: { at: ['islands/', 'server/pages/'] },
  'preact-render-to-string': { at: ['server/pages/render.ts'] },
  'prom-client': { at: ['server/metrics.ts'] },
  re2js: { at: ['server/tools/'] },
  undici: { at: ['server/http-sockets.ts'], types: ['server/agent/http-pool.ts'] },
  uplot: { at: ['islands/'] },
  uuid: { at: ['server/main.ts', 'server/ids.ts'] },
  vite: { at: ['server/dev.ts'] },
  ws: { at: [], types: ['server/outlet.ts', 'server/socket.ts', 'server/upgrade.ts'] },
  '@jmespath-community/jmespath': { at: ['server/tools/'] },
  '@joplin/turndown-plugin-gfm': { at: ['server/tools/'] },
  '@mozilla/readability': { at: ['server/tools/'] },
  'ipaddr.js': { at: ['server/tools/network/'] },
  linkedom: { at: ['server/tools/'] },
  mathjs: { at: ['server/tools/'] },
  'playwright-core': { at: ['server/tools/'] },
  turndown: { at: ['server/tools/'] },
  unpdf: { at: ['server/tools/'] },
  zod: {
    at: [
      'protocol/',
      'server/settings.ts',
      'server/settings-*.ts',
      'server/agent/',
      'server/api/',
      'server/tools/',
      'cli/',
    ],
    types: ['server/config.ts'],
  },
}

/** The ends of the program: only they read the environment, everything else is handed what it needs of it. */
export const environmentReaders: readonly string[] = ['cli/main.ts', 'server/dev.ts']

/** A file fits into a head; a longer one has two nouns. */
export const maxLines = 299
