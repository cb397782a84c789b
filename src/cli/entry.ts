import { fileURLToPath } from 'node:url'

/** The script that starts this program; the same from src/cli and from dist/server. */
export const entry = fileURLToPath(new URL('../../bin/talon.mjs', import.meta.url))

/** What the first line of that script gives to Node. */
export const nodeFlags: readonly string[] = ['--max-semi-space-size=8']
