import type { Store } from '../../db/store.ts'
import type { Budgets } from '../record-budgets.ts'

/** The same store, in which a tool begins only if the budgets allow it: the commit that records it counts it. */
export function budgetedInvocations<S extends Pick<Store, 'beginInvocation'>>(
  store: S,
  budgets: Pick<Budgets, 'limits' | 'refuse'>,
): S {
  return {
    ...store,
    async beginInvocation(input: Parameters<Store['beginInvocation']>[0]) {
      const { known, refused } = await store.beginInvocation({ ...input, limits: budgets.limits() })
      if (refused) throw budgets.refuse(refused)
      return { known }
    },
  }
}
