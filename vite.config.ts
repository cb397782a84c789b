import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig, type Plugin } from 'vite'

// What every page loads is one file: it is smaller than its sixteen parts, and one request.
const frame = new RegExp(
  [
    'node_modules/@?preact/',
    'src/(client|protocol)/',
    'src/islands/(boot|connection|times)\\.ts',
    'src/islands/parts/(approvals|hydrated|keys|notices|theme|Icon|Time)\\.tsx?',
    'src/islands/(ApprovalCount|ConnectionNotice|ConnectionStatus|Notices|Palette|ThemeSwitch)\\.tsx',
    'src/islands/shell/places\\.ts',
  ].join('|'),
)

// One configuration builds both sides: `client` is what a browser loads, `ssr` is the gateway itself and the
// entries of its worker threads. Everything but the native SQLite binding and what drives the browser, which is loaded at
// its first use only, is bundled, because a bundle starts three times faster.
export default defineConfig({
  plugins: [tailwindcss(), licences(), narrow()],
  appType: 'custom',
  publicDir: false,
  builder: {},
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  environments: {
    client: {
      build: {
        outDir: 'dist/client',
        emptyOutDir: true,
        manifest: true,
        assetsInlineLimit: 0,
        // The server names what a page needs; the browser need not find that out itself.
        modulePreload: false,
        rolldownOptions: {
          input: { islands: 'src/islands/boot.ts' },
          output: { codeSplitting: { groups: [{ name: 'frame', test: frame }] } },
        },
      },
    },
    ssr: {
      resolve: { noExternal: true, external: ['better-sqlite3', 'playwright-core'] },
      build: {
        outDir: 'dist/server',
        emptyOutDir: true,
        ssr: true,
        target: 'node24',
        sourcemap: true,
        rolldownOptions: {
          input: {
            talon: 'src/cli/main.ts',
            writer: 'src/db/sqlite/writer.ts',
            reader: 'src/db/sqlite/reader.ts',
            'check-worker': 'src/db/sqlite/check-worker.ts',
            'inspect-worker': 'src/db/sqlite/inspect-worker.ts',
            'backup-worker': 'src/db/sqlite/backup-worker.ts',
            'reading-worker': 'src/server/tools/reading/reading-worker.ts',
            'compute-worker': 'src/server/tools/compute/compute-worker.ts',
          },
          // Names and lines for stack traces; the sources themselves would be most of what is installed.
          output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js', sourcemapExcludeSources: true },
        },
      },
    },
  },
})

/** Writes `licences.json` beside what was built: the packages of others in it, with their version and licence. */
function licences(): Plugin {
  const packages = join(import.meta.dirname, 'node_modules')
  return {
    name: 'licences',
    apply: 'build',
    generateBundle(_options, bundle) {
      // Of a style sheet the modules tell nothing.
      const folders = new Set(this.environment.name === 'client' ? [join(packages, 'tailwindcss')] : [])
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        for (const id of Object.keys(chunk.modules)) folders.add(packageOf(id))
        // What was left out is installed beside it; chunks of our own are no folders there.
        for (const name of [...chunk.imports, ...chunk.dynamicImports]) folders.add(join(packages, name))
      }
      const found = [...folders].flatMap(describe).sort((a, b) => a.name.localeCompare(b.name, 'en'))
      this.emitFile({ type: 'asset', fileName: 'licences.json', source: `${JSON.stringify(found)}\n` })
    },
  }
}

/**
 * Writes what lies beyond Latin-1 as escapes. V8 keeps the text of a module for as long as it lives, in two bytes a
 * character if a single one needs them: without this a gateway would be some MiB larger.
 */
function narrow(): Plugin {
  const escaped = (slashes: string, unit: string) =>
    // A backslash before a character that needs none means nothing; two of them are one for themselves.
    `${slashes.slice(slashes.length % 2)}\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return {
    name: 'narrow',
    applyToEnvironment: ({ name }) => name === 'ssr',
    // At the very end, because every printing writes them plain again. Lines stay as the maps of the sources have them.
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        chunk.code = chunk.code.replace(/(\\*)([\u0100-\uffff])/g, (_, slashes: string, unit: string) =>
          escaped(slashes, unit),
        )
      }
    },
  }
}

/** The folder of the package that a module is of; empty for our own. */
function packageOf(id: string): string {
  return /^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(id.replace(/^\0/, ''))?.[0] ?? ''
}

function describe(folder: string): { name: string; version: string; licence: string }[] {
  const file = join(folder, 'package.json')
  if (folder === '' || !existsSync(file)) return []
  // Every package has a name and a version; a few have no licence, which is said.
  const { name, version, license } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  return name && version ? [{ name, version, licence: license ?? 'not said' }] : []
}
