import { loadConfig } from './config.ts'
import { createIds } from './ids.ts'
import type { Clock } from './record.ts'
import { workspaceOf } from './tools/registry.ts'
import { rootsOf } from './tools/roots.ts'
import { createTrash, type Trash, type TrashItem } from './tools/trash/trash.ts'

export type { TrashItem }

/** The trash of a data folder, whether a gateway runs on it or not. @throws ConfigError for settings that cannot be used */
export function trashOf(place: {
  home: string
  env: Readonly<Record<string, string | undefined>>
  clock: Clock
}): Trash {
  const { home, env, clock } = place
  const config = loadConfig({ home, env }).values
  const workspace = workspaceOf(home, config['tools.workspace'])
  const roots = rootsOf(home, workspace, config['tools.roots'])
  return createTrash({ home, workspace, roots, config, clock, newId: createIds() })
}
