import { TalonError } from '../../protocol/errors.ts'

/** Two numbers that say where a page of a list ended. */
export type Place = [first: number, id: number]

export function writePlace(list: string, first: number, id: number): string {
  return Buffer.from(`${list}.${first}.${id}`).toString('base64url')
}

/** @throws TalonError `INVALID_MESSAGE` for a cursor that is not of this list */
export function readPlace(cursor: string, list: string): Place {
  const match = /^(\w{1,20})\.(-?\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (match?.[1] !== list) {
    throw new TalonError('INVALID_MESSAGE', 'This cursor is not one of this list: start without one.')
  }
  return [Number(match[2]), Number(match[3])]
}
