import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'

// One configuration builds both sides: `client` is what a browser loads, `ssr` is the gateway itself and the
// entries of its worker threads. Everything but the native SQLite binding and what drives the browser, which is loaded at
// its first use only, is bundled, because a bundle starts three times faster.
export default defineConfig({
  plugins: [tailwindcss()],
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
        rolldownOptions: { input: { islands: 'src/islands/boot.ts' } },
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
