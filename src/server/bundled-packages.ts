import { readFile } from 'node:fs/promises'

/** A package that a part of this program is made of. */
export interface BundledPackage {
  name: string
  version: string
  licence: string
}

// From src/server and dist/server alike.
const built = new URL('../../dist/', import.meta.url)

/** What the build took in, by name; empty where nothing was built. @param dist address of the built folder */
export async function bundledPackages(dist = built): Promise<BundledPackage[]> {
  const lists = await Promise.all(
    ['client', 'server'].map(side => readPackages(new URL(`${side}/licences.json`, dist))),
  )
  const byName = new Map(lists.flat().map(found => [`${found.name} ${found.version}`, found]))
  return [...byName.values()].sort((a, b) => a.name.localeCompare(b.name, 'en'))
}

async function readPackages(file: URL): Promise<BundledPackage[]> {
  const text = await readFile(file, 'utf8').catch(() => '[]')
  // Written by the build of this same version.
  return JSON.parse(text) as BundledPackage[]
}
