import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'

/** Where the browser's files come from: a folder that Vite built, or Vite itself while developing. */
export interface Assets {
  /** The built folder, `dist/client`. */
  dir: string
  /** Set while developing: Vite serves the sources, this one first. */
  dev?: { entry: string }
}

/** What the head and the end of a page name. */
export interface AssetTags {
  scripts: string[]
  styles: string[]
  /** Modules that the islands of this page need, by address. */
  preloads(islands: Iterable<string>): string[]
}

export interface AssetFile {
  body: Uint8Array<ArrayBuffer>
  type: string
  encoding: 'br' | undefined
}

/** The part of Vite's manifest that is used here. */
interface Chunk {
  file: string
  css?: string[]
  imports?: string[]
}
type Manifest = Record<string, Chunk>

const entry = 'src/islands/boot.ts'
const types: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

/** Reads the manifest. Without a build the tags are empty: pages can still be read, and `built` says why they look bare. */
export function openAssets(assets: Assets): { tags: AssetTags; files: AssetFiles; built: boolean } {
  if (assets.dev) return { tags: devTags(assets.dev.entry), files: new AssetFiles(assets.dir, []), built: true }
  const manifest = readManifest(assets.dir)
  const names = manifest ? readdirSync(join(assets.dir, 'assets')) : []
  return {
    tags: manifest ? builtTags(manifest) : { scripts: [], styles: [], preloads: () => [] },
    files: new AssetFiles(assets.dir, names),
    built: manifest !== undefined,
  }
}

/**
 * The built files. Only names that were in the folder at the start are served, so that no path of a request reaches the
 * file system; that is also the bound of what is kept in memory.
 */
export class AssetFiles {
  readonly #dir: string
  readonly #names: ReadonlySet<string>
  readonly #compressed = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()

  constructor(dir: string, names: readonly string[]) {
    this.#dir = dir
    this.#names = new Set(names)
  }

  /** A file by its name in `assets/`, compressed if the browser takes Brotli; undefined if there is none. */
  async read(name: string, acceptEncoding: string): Promise<AssetFile | undefined> {
    const type = types[name.slice(name.lastIndexOf('.') + 1)]
    if (!this.#names.has(name) || type === undefined) return undefined
    if (!/\bbr\b/.test(acceptEncoding) || type.startsWith('font/')) {
      return { body: await this.#load(name), type, encoding: undefined }
    }
    let body = this.#compressed.get(name)
    if (!body) {
      body = this.#load(name).then(compress)
      this.#compressed.set(name, body)
      body.catch(() => this.#compressed.delete(name))
    }
    return { body: await body, type, encoding: 'br' }
  }

  async #load(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await readFile(join(this.#dir, 'assets', name)))
  }
}

async function compress(body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }
  return new Uint8Array(await promisify(brotliCompress)(body, quality))
}

function readManifest(dir: string): Manifest | undefined {
  try {
    // Written by the build of this same version.
    return JSON.parse(readFileSync(join(dir, '.vite/manifest.json'), 'utf8')) as Manifest
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function builtTags(manifest: Manifest): AssetTags {
  const boot = manifest[entry]
  if (!boot) throw new Error(`The build in dist/client has no entry ${entry}. Run "npm run build" again.`)
  return {
    scripts: [`/${boot.file}`],
    styles: (boot.css ?? []).map(file => `/${file}`),
    preloads(islands) {
      const files = new Set<string>()
      for (const name of islands) collect(manifest, `src/islands/${name}.tsx`, files)
      for (const key of boot.imports ?? []) collect(manifest, key, files)
      files.delete(boot.file)
      return [...files].map(file => `/${file}`)
    },
  }
}

function collect(manifest: Manifest, key: string, files: Set<string>): void {
  const chunk = manifest[key]
  if (!chunk || files.has(chunk.file)) return
  files.add(chunk.file)
  for (const next of chunk.imports ?? []) collect(manifest, next, files)
}

/** Vite adds styles by script, which the content security policy forbids, so the sheet is linked as well. */
function devTags(source: string): AssetTags {
  return {
    scripts: ['/@vite/client', source],
    styles: ['/src/islands/styles.css?direct'],
    preloads: () => [],
  }
}
