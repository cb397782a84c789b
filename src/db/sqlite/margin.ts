import type { CommandName } from './commands.ts'

/**
 * What is taken while there is less space than is kept free: all that ends something, removes something, or lets in
 * somebody who does. Everything else is refused, so that the rest of the disk is there for these.
 */
export const takenInMargin: ReadonlySet<CommandName> = new Set<CommandName>([
  // A run that works is ended, with what it has said, instead of being left for the next start.
  'savePartialText',
  'finishRun',
  // What was spent is counted whatever the disk says; what would be spent is not.
  'settleCalls',
  'settleLeftOver',
  'finishInvocation',
  'interruptInvocations',
  // What somebody wants gone must go, and what is past its time makes place for the new.
  'deleteSession',
  'retireSession',
  'eraseStep',
  'pruneStep',
  'pruneAttachments',
  'forget',
  'removeSchedule',
  'pauseSchedule',
  // An import that cannot go on is given up.
  'giveUpImport',
  'dropUnfinishedImports',
  // A token that leaked must be revoked whatever the disk says.
  'revokeToken',
  'deleteWebSession',
  // Whoever makes space has to get in, and the start writes the token of the environment anew.
  'createWebSession',
  'putToken',
  'touchTokens',
  // What is done in spite of it is worth to be known, and takes some hundred bytes.
  'recordAudit',
])
