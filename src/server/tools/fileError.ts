import { type ErrorCode, TalonError } from '../../protocol/errors.ts'

const explanations: Record<string, { code: ErrorCode; text: string }> = {
  ENOENT: { code: 'NOT_FOUND', text: 'does not exist. file_list shows what does.' },
  ENOTDIR: { code: 'INVALID_MESSAGE', text: 'is not a folder.' },
  EISDIR: { code: 'INVALID_MESSAGE', text: 'is a folder.' },
  EEXIST: { code: 'CONFLICT', text: 'exists already.' },
  ELOOP: { code: 'FORBIDDEN', text: 'is a symbolic link. Links are not followed.' },
  EACCES: { code: 'FORBIDDEN', text: 'may not be used by the account that Talon runs under.' },
  EPERM: { code: 'FORBIDDEN', text: 'may not be used by the account that Talon runs under.' },
  EROFS: { code: 'FORBIDDEN', text: 'lies on a file system that is read-only.' },
  ENAMETOOLONG: { code: 'INVALID_MESSAGE', text: 'has a name that is too long.' },
  ENXIO: { code: 'INVALID_MESSAGE', text: 'is not a regular file.' },
  ENOSPC: { code: 'STORAGE_UNAVAILABLE', text: 'could not be written: no space is left on the disk.' },
  EDQUOT: { code: 'STORAGE_UNAVAILABLE', text: 'could not be written: the quota is used up.' },
  EFBIG: { code: 'TOO_LARGE', text: 'would be larger than the file system allows.' },
  EMFILE: { code: 'OVERLOADED', text: 'could not be opened: too many files are open.' },
  ENFILE: { code: 'OVERLOADED', text: 'could not be opened: too many files are open.' },
}

/** An error of the file system in words, about a path as people see it; anything else as it is. */
export function fileError(error: unknown, shown: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  const found = Object.hasOwn(explanations, error.code) ? explanations[error.code] : undefined
  return found ? new TalonError(found.code, `${JSON.stringify(shown)} ${found.text}`, { cause: error }) : error
}
