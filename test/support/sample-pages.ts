import type { PageEntry } from '../../src/server/pages/page.ts'
import type { TestGateway } from './gateway.ts'

/**
 * An address for each pattern of the registry of pages, so that a test opens every page there is.
 * @throws Error for a pattern with a part that nothing is known for: it needs a line here
 */
export async function samplePaths(
  gateway: TestGateway,
  pages: readonly Pick<PageEntry, 'path'>[],
): Promise<Record<string, string>> {
  const { session } = await gateway.app.store.createSession({
    ...{ id: gateway.app.newId(), senderId: 'anna', channel: 'cli', title: 'Nothing said yet' },
    at: gateway.app.clock.now(),
  })
  const known: Readonly<Record<string, string>> = { ':id': session.id, ':name': 'file_read' }
  return Object.fromEntries(
    pages.map(({ path }) => {
      const parts = path.split('/').map(part => (part.startsWith(':') ? known[part] : part))
      if (parts.includes(undefined)) throw new Error(`Nothing is known for the address ${path}.`)
      return [path, parts.join('/')]
    }),
  )
}
