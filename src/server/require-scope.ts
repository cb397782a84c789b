import { TalonError } from '../protocol/errors.ts'
import type { Scope } from '../protocol/shapes.ts'
import type { Caller } from './record.ts'

/** For a request that needs a second scope beside that of its row. @throws TalonError `FORBIDDEN` */
export function requireAlso({ scopes }: Pick<Caller, 'scopes'>, scope: Scope, type: string): void {
  if (!scopes.has(scope)) throw new TalonError('FORBIDDEN', `"${type}" needs a token with the scope "${scope}" too.`)
}
