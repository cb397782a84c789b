import type { JSX } from 'preact'
import Retry from '../../islands/Retry.tsx'
import { Island } from './island.tsx'
import { Logo } from './shell.tsx'

/** What a browser shows in place of any page while the gateway cannot be reached. It is the same for everybody. */
export function Offline(): JSX.Element {
  return (
    <div class="card w-full max-w-md p-6 sm:p-8">
      <div class="flex items-center gap-3">
        <Logo />
        <h1>Talon cannot be reached</h1>
      </div>
      <p class="mt-4 text-muted">
        The gateway does not answer at this address. Nothing is lost: what was sent before is kept by the gateway.
      </p>
      <ul class="mt-4 list-disc space-y-1.5 pl-5">
        <li>Is this device online, and in the right network?</li>
        <li>
          Does the gateway run? On its machine <code>talon status</code> tells, and <code>talon start</code> starts it.
        </li>
      </ul>
      <div class="mt-6">
        <Island name="Retry" of={Retry} props={{}} />
      </div>
    </div>
  )
}
