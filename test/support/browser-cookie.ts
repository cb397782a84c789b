import { type TestGateway, testToken } from './gateway.ts'

/** Signs in as a browser does, and gives what its requests carry. */
export async function browser(gateway: TestGateway, token = testToken): Promise<{ Cookie: string; Origin: string }> {
  const answer = await gateway.fetch('/api/v1/auth/token', {
    token: '',
    method: 'POST',
    headers: { Origin: gateway.url },
    body: JSON.stringify({ token }),
  })
  const [cookie = ''] = answer.headers.get('set-cookie')?.split(';') ?? []
  return { Cookie: cookie, Origin: gateway.url }
}
