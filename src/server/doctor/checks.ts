import { backupsCheck } from './backups.ts'
import type { Check } from './check.ts'
import { databaseCheck } from './database.ts'
import { diskCheck } from './disk.ts'
import { folderCheck } from './folder.ts'
import { legacyCheck } from './legacy.ts'
import { lockCheck } from './lock.ts'
import { networkCheck } from './network.ts'
import { programCheck } from './program.ts'
import { settingsCheck } from './settings.ts'

/** Every check, in the order in which a report shows what they find. */
export const checks: readonly Check[] = [
  programCheck,
  folderCheck,
  diskCheck,
  lockCheck,
  settingsCheck,
  databaseCheck,
  legacyCheck,
  backupsCheck,
  networkCheck,
]
