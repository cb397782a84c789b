import type { Connection } from './open.ts'

interface Waiting<Input, Result> {
  input: Input
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

// Between two transactions those go on who have their answers, so that a crowd does not meet at its next step all at once.
const maxTogether = 16

/**
 * Answers the reads of one turn of the loop in few transactions: to take and give back the locks of the database costs
 * more than to look into an index. What waits is bounded by the requests that came in that turn.
 */
export function gathered<Input, Result>(
  connection: Connection,
  read: (input: Input) => Result,
): (input: Input) => Promise<Result> {
  const waiting: Waiting<Input, Result>[] = []

  const answer = ({ input, resolve, reject }: Waiting<Input, Result>) => {
    try {
      resolve(read(input))
    } catch (error) {
      reject(error)
    }
  }
  const answerSome = () => {
    const asked = waiting.splice(0, maxTogether)
    const { database } = connection
    // Whoever asks of a store that was closed meanwhile is told so by the read itself.
    if (asked.length === 1 || !database.open) return asked.forEach(answer)
    connection.prepared('BEGIN').run()
    asked.forEach(answer)
    // A disk that fails has ended it already.
    if (database.inTransaction) connection.prepared('COMMIT').run()
  }
  return input =>
    new Promise((resolve, reject) => {
      if (waiting.length % maxTogether === 0) setImmediate(answerSome)
      waiting.push({ input, resolve, reject })
    })
}
