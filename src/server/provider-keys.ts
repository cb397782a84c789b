import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { TalonError } from '../protocol/errors.ts'
import { reasonOf, removeFile, replaceFile } from './config-file.ts'

const folder = 'secrets'

/** Where the key of a provider is kept that was entered in the dashboard, below the data folder. */
export function keyFileOf(provider: string): string {
  return `${folder}/${provider}.key`
}

/** Whether a setting names that file. */
export function isKeyFileOf(home: string, provider: string, apiKeyFile: string | undefined): boolean {
  return apiKeyFile !== undefined && resolve(home, apiKeyFile) === resolve(home, keyFileOf(provider))
}

/**
 * Writes a key into its file, for the gateway's account only; what is returned puts back what was there.
 * @throws TalonError `STORAGE_UNAVAILABLE`
 */
export function writeKey(home: string, provider: string, key: string): () => void {
  const file = join(home, keyFileOf(provider))
  try {
    mkdirSync(join(home, folder), { recursive: true, mode: 0o700 })
    const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    replaceFile(file, `${key}\n`)
    return () => (before === undefined ? removeFile(file) : replaceFile(file, before))
  } catch (error) {
    throw new TalonError('STORAGE_UNAVAILABLE', `The key cannot be written: ${reasonOf(error)}.`, { cause: error })
  }
}

/** Removes the key that was entered for a provider, if there is one. @throws TalonError `STORAGE_UNAVAILABLE` */
export function removeKey(home: string, provider: string): void {
  const file = join(home, keyFileOf(provider))
  try {
    if (existsSync(file)) removeFile(file)
  } catch (error) {
    throw new TalonError('STORAGE_UNAVAILABLE', `The key cannot be removed: ${reasonOf(error)}.`, { cause: error })
  }
}
