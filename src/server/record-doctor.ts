import type { Group, Report } from './doctor.ts'

/** Looks at the gateway that it is a part of, and at its data folder. */
export interface Doctor {
  /** The report; one that is younger than 10 s is given again, and those who ask meanwhile share one. */
  report(options: ReportOptions): Promise<Report>
}

export interface ReportOptions {
  /** Checks the pages of a database of any size. */
  full?: boolean
  /** Asks no provider. */
  offline?: boolean
  /** These alone; undefined is all. */
  groups?: readonly Group[] | undefined
}
