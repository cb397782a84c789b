/** The token of an `Authorization` header; empty if it holds none, so that it fails as any wrong token does. */
export function bearerToken(authorization: string): string {
  return /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] ?? ''
}

/** Whether an address carries a token, which would end up in logs and histories. */
export function hasTokenInUrl(url: string): boolean {
  return /[?&](access_)?token=|[?&][^=]*=tln_/i.test(url)
}
