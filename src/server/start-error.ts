/** A start that failed for a reason that a person can mend. */
export class StartError extends Error {}
