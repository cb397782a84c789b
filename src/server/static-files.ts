const names: ReadonlySet<string> = new Set(['/favicon.svg', '/manifest.webmanifest', '/sw.js'])

/** Whether this path is a file that is the same for everybody: nobody signs in for it, and it counts against no limit. */
export function isStaticFile(path: string): boolean {
  return names.has(path) || path.startsWith('/assets/') || path.startsWith('/icons/')
}
