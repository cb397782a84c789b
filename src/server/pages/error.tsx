import type { JSX } from 'preact'
import type { ErrorPayload } from '../../protocol/errors.ts'

const titles: Partial<Record<number, string>> = {
  400: 'This address is not right',
  403: 'Not allowed',
  404: 'Not found',
  429: 'Too many requests',
  500: 'Something went wrong',
  503: 'Not available right now',
}

/** The title of an error page. */
export function errorTitle(status: number): string {
  return titles[status] ?? (status >= 500 ? 'Something went wrong' : 'This did not work')
}

/** What happened, in words, and where to go from here. */
export function ErrorView({ error, requestId }: { error: ErrorPayload; requestId: string }): JSX.Element {
  return (
    <div class="max-w-prose py-8">
      <p class="text-sm text-muted">{error.status}</p>
      <h1 class="mt-1">{errorTitle(error.status)}</h1>
      <p class="mt-3">{error.error}</p>
      {error.status >= 500 && (
        <p class="mt-3 text-sm text-muted">
          The log of the gateway has the details under the request id <code>{requestId}</code>.
        </p>
      )}
      <p class="mt-6">
        <a class="button" href="/">
          Go to the dashboard
        </a>
      </p>
    </div>
  )
}
