/** Functions to call when something of a name happens. */
export class Listeners<Args extends unknown[]> {
  readonly #byName = new Map<string, Set<(...args: Args) => void>>()

  add(name: string, listener: (...args: Args) => void): () => void {
    const named = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, named)
    // The same function added twice is called twice, and each is removed by its own return value.
    const own = (...args: Args) => listener(...args)
    named.add(own)
    return () => {
      named.delete(own)
      if (named.size === 0 && this.#byName.get(name) === named) this.#byName.delete(name)
    }
  }

  call(name: string, ...args: Args): void {
    for (const listener of this.#byName.get(name) ?? []) guarded(() => listener(...args))
  }
}

/** Runs code of the program that uses us: what it throws is reported as uncaught, and does not stop the client. */
export function guarded(run: () => void): void {
  try {
    run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
