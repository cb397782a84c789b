import { TalonError } from '../../../protocol/errors.ts'

/** What comes of the work, unless it takes longer than this; whatever it does then, nobody hears of it. */
export async function within<T>(ms: number, work: Promise<T>, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TalonError('TIMEOUT', late)), ms)
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
