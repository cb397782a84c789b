import { gateway } from '../connection.ts'
import { say } from '../parts/notices.ts'
import { sentence } from '../parts/sentence.ts'
import type { Approval, Remember } from './inbox.ts'

/** What a person answers: to allow it once, from now on, or not. */
export type Choice = 'allow' | `allow:${Remember}` | 'deny'

/** Answers a call that waits, and says what came of it: somebody else may have been first. False if this was not it. */
export async function answer({ approvalId, toolName }: Approval, choice: Choice): Promise<boolean> {
  try {
    await gateway().request('approval.resolve', { approvalId, ...decisionOf(choice) })
    say(saidOf(toolName, choice))
    return true
  } catch (error) {
    say(sentence('Your answer was not needed any more, or could not be given.', error), { tone: 'danger' })
    return false
  }
}

/** A choice as the gateway takes it. */
export function decisionOf(choice: Choice): { decision: 'allow' | 'deny'; remember?: Remember } {
  if (choice === 'allow:session') return { decision: 'allow', remember: 'session' }
  if (choice === 'allow:always') return { decision: 'allow', remember: 'always' }
  return { decision: choice }
}

/** What was done, in a sentence. */
export function saidOf(toolName: string, choice: Choice): string {
  if (choice === 'deny') return `${toolName} was denied.`
  const ends = { allow: 'once', 'allow:session': 'for this session', 'allow:always': 'for exactly this, always' }
  return `${toolName} was allowed ${ends[choice]}.`
}
