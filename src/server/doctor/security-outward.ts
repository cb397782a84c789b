import { isLoopback } from '../config.ts'
import type { Provider } from './check.ts'
import type { SecurityRow, Weakness } from './security.ts'

/** What leaves this machine, and how. */
export const outwardRows: readonly SecurityRow[] = [
  {
    id: 'providers.encryption',
    fine: 'What is sent to providers is encrypted, or stays on this machine.',
    why: 'Everybody on the way reads the conversation, and the key where there is one.',
    look: ({ providers }) => providers.flatMap(lookAtProvider),
  },
  {
    id: 'tracing.encryption',
    fine: 'Traces are sent encrypted, to this machine, or nowhere.',
    why: 'Traces hold no content, but who did what when; the headers may hold the key of the collector.',
    look({ config }) {
      const endpoint = config['tracing.endpoint']
      if (endpoint === null || !isOpen(endpoint)) return []
      const withKey = Object.keys(config['tracing.headers']).length > 0
      const title = `Traces go to ${endpoint} without encryption${withKey ? ', with the headers' : ''}.`
      const fix = 'talon config set tracing.endpoint=https://…, or a collector on this machine; then restart.'
      return [{ risk: withKey ? 'high' : 'low', title, fix }]
    },
  },
  {
    id: 'tls.checked',
    fine: 'Certificates of providers are checked.',
    why: 'Anybody on the way can pass as the provider, and gets the keys and the conversation.',
    look({ env }) {
      if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return []
      const title = 'NODE_TLS_REJECT_UNAUTHORIZED=0: no certificate is checked.'
      const fix = 'Unset it. For an authority of your own: NODE_EXTRA_CA_CERTS=/path/to/authority.pem'
      return [{ risk: 'critical', title, fix }]
    },
  },
]

function lookAtProvider({ name, baseUrl, key, headers }: Provider): Weakness[] {
  if (!isOpen(baseUrl)) return []
  const withKey = key !== undefined || Object.keys(headers).length > 0
  const title = `${name} is asked without encryption, at ${baseUrl}${withKey ? ', with its key' : ''}.`
  return [
    { risk: withKey ? 'high' : 'medium', title, fix: 'Set baseUrl to an address with https:// in agent.providers.' },
  ]
}

/** Whether it goes over a network where others can read it. */
function isOpen(address: string): boolean {
  const { protocol, hostname } = new URL(address)
  return protocol === 'http:' && !isLoopback(hostname)
}
