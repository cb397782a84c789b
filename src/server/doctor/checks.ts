import { backupsCheck } from './backups.ts'
import type { Check } from './check.ts'
import { clockCheck } from './clock.ts'
import { databaseCheck } from './database.ts'
import { diskCheck } from './disk.ts'
import { folderCheck } from './folder.ts'
import { gatewayCheck } from './gateway.ts'
import { legacyCheck } from './legacy.ts'
import { lockCheck } from './lock.ts'
import { logsCheck } from './logs.ts'
import { networkCheck } from './network.ts'
import { openFilesCheck } from './open-files.ts'
import { programCheck } from './program.ts'
import { providersCheck } from './providers.ts'
import { sandboxCheck } from './sandbox.ts'
import { securityCheck } from './security.ts'
import { serviceCheck } from './service.ts'
import { settingsCheck } from './settings.ts'

/** Every check, in the order in which a report shows what they find. */
export const checks: readonly Check[] = [
  programCheck,
  clockCheck,
  openFilesCheck,
  sandboxCheck,
  serviceCheck,
  folderCheck,
  diskCheck,
  logsCheck,
  lockCheck,
  settingsCheck,
  databaseCheck,
  legacyCheck,
  backupsCheck,
  networkCheck,
  providersCheck,
  gatewayCheck,
  securityCheck,
]
