import type { JSX } from 'preact'
import { Time } from '../../islands/parts/Time.tsx'
import type { TokenInfo } from '../record.ts'
import { Table } from './table.tsx'

const columns = [
  ...['Name', 'May', 'Last used', 'Ends'].map(label => ({ label })),
  { label: 'What to do with it', kind: 'unseen' },
] as const

const dayMs = 86_400_000

/** Every token, what works first. */
export function TokenList({ tokens, own, now }: { tokens: TokenInfo[]; own: string; now: number }): JSX.Element {
  if (tokens.length === 0) {
    return (
      <div class="card empty">
        <p class="font-medium text-ink">No tokens yet</p>
        <p>Programs and other machines sign in with one. Make the first above.</p>
      </div>
    )
  }
  // What works first, the newest of each on top.
  const works = (token: TokenInfo) => token.revokedAt === null && (token.expiresAt ?? Number.POSITIVE_INFINITY) > now
  const sorted = tokens.toSorted((a, b) => Number(works(b)) - Number(works(a)) || b.createdAt - a.createdAt)
  return (
    <Table label="Tokens" columns={columns}>
      <tbody>
        {sorted.map(token => (
          <Row key={token.id} token={token} isOwn={token.id === own} works={works(token)} now={now} />
        ))}
      </tbody>
    </Table>
  )
}

function Row(input: { token: TokenInfo; isOwn: boolean; works: boolean; now: number }): JSX.Element {
  const { token, isOwn, works, now } = input
  const { id, name, profile, lastUsedAt, createdAt } = token
  return (
    <tr class={works ? undefined : 'text-muted'}>
      <th scope="row" class="break-words">
        {name} {isOwn && <span class="badge">you</span>}
        <span class="mt-0.5 block text-xs font-normal text-muted">
          <span class="font-mono">{id}</span>, made <Time at={createdAt} now={now} />
        </span>
      </th>
      <td>
        {token.scopes.join(', ')}
        {profile && <span class="mt-0.5 block text-xs text-muted">profile {profile}</span>}
      </td>
      <td class="whitespace-nowrap">{lastUsedAt === null ? 'never' : <Time at={lastUsedAt} now={now} />}</td>
      <td class="whitespace-nowrap">
        <End token={token} now={now} />
      </td>
      <td>{works && <Revoke id={id} name={name} isOwn={isOwn} />}</td>
    </tr>
  )
}

function End({ token: { revokedAt, expiresAt }, now }: { token: TokenInfo; now: number }): JSX.Element {
  if (revokedAt !== null) {
    return (
      <>
        revoked <Time at={revokedAt} now={now} />
      </>
    )
  }
  if (expiresAt === null) return <>never</>
  const days = Math.ceil((expiresAt - now) / dayMs)
  return <>{days <= 0 ? 'expired' : days === 1 ? 'within a day' : `in ${days} days`}</>
}

function Revoke({ id, name, isOwn }: { id: string; name: string; isOwn: boolean }): JSX.Element {
  return (
    <form method="post" class="flex justify-end">
      <input type="hidden" name="id" value={id} />
      <details class="confirm">
        <summary class="button button-quiet" aria-label={`Revoke ${name}`}>
          Revoke
        </summary>
        <button type="submit" class="button button-danger" name="action" value="revoke">
          {isOwn ? 'Revoke, and sign me out' : 'Revoke for good'}
        </button>
      </details>
    </form>
  )
}
