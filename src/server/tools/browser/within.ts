import { TalonError } from '../../../protocol/errors.ts'

/** A page that is busy with itself: nothing can be done with it any more. */
export class PageHangs extends TalonError {
  constructor() {
    super('TIMEOUT', 'The page does not answer, because a script of it keeps it busy. It was closed.')
    this.name = 'PageHangs'
  }
}

/** What a page answers. It answers at once, or not at all. @throws PageHangs */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PageHangs()), ms)
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
