/** The protocol version that this build speaks, and the only major it serves. */
export const protocolVersion = '1.0.0'

/** Every version that `VERSION_MISMATCH` names as supported. */
export const supportedVersions: readonly string[] = [protocolVersion]

// https://semver.org, without the rarely used build metadata rules; the length bound keeps a hostile string cheap.
const semver =
  /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?$/

/** Whether a frame of this version can be served: same major, any minor (a newer one is served at ours). */
export function isServed(version: string): boolean {
  if (version === protocolVersion) return true
  const match = semver.exec(version)
  return match !== null && match[1] === protocolVersion.split('.', 1)[0]
}

/** The version to speak with a client that offers these, or undefined if none of them is served. */
export function negotiate(offered: readonly string[]): string | undefined {
  return offered.some(isServed) ? protocolVersion : undefined
}

/** The sentence that tells a person what to do about a version that is not served. */
export function versionMismatch(spoken: string): string {
  return `This gateway speaks protocol ${supportedVersions.join(', ')}; the client speaks ${spoken.slice(0, 40) || 'none'}. Update the older of the two.`
}
