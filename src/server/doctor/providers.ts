import { bad, type Check, type Finding, info, type KeyPlace, ok, type Provider, type Subject, warn } from './check.ts'
import { type Probe, probe } from './provider-probe.ts'
import { ageText, namesText, quoted } from './words.ts'

// HTTP tells whole seconds, and an answer may be as old as it took.
const maxSkewMs = 60_000

/** Whether models can be asked: the key is there, the provider answers and takes it. */
export const providersCheck: Check = {
  name: 'providers',
  group: 'providers',
  async look(subject) {
    const { config, providers, offline } = subject
    if (!config) return []
    if (providers.length === 0) return lookAtNone()
    const ready = providers.filter(provider => keyProblem(provider) === undefined)
    const lacking = providers
      .filter(provider => !ready.includes(provider))
      .map(provider => lookAtKey(provider, subject))
    if (offline) return [...lacking, ...lookAtProxy(subject), ...notAsked(ready)]
    const probes = await probe(ready, subject)
    return [
      ...lacking,
      ...[...probes].flatMap(([provider, found]) => lookAtAnswer(provider, found)),
      ...lookAtProxy(subject),
      ...lookAtClock(subject, probes),
    ]
  },
}

function lookAtNone(): Finding[] {
  const title = 'No provider is configured: only the offline model answers, which repeats what it is told.'
  return [info('providers.none', title, null, 'Add one to agent.providers; docs/providers.md has examples.')]
}

function notAsked(providers: readonly Provider[]): Finding[] {
  if (providers.length === 0) return []
  const names = namesText(providers.map(({ name }) => name))
  return [info('providers.reachable', `Not asked, because of --offline: ${names}.`, null)]
}

/** In words without the key; undefined if there is one, or none is wanted. */
function keyProblem({ keyPlace, key }: Provider): string | undefined {
  if (!keyPlace) return undefined
  const named =
    keyPlace.setting === 'apiKey'
      ? 'apiKey'
      : `the ${keyPlace.setting === 'apiKeyEnv' ? 'variable' : 'file'} ${keyPlace.value}`
  if (!key) return `${named} holds no key`
  return /^[\x21-\x7e]+$/.test(key) ? undefined : `${named} holds characters that no key has`
}

function lookAtKey(provider: Provider, { live }: Subject): Finding {
  const { name, keyPlace } = provider
  const title = `${name}: ${keyProblem(provider)}, so that each call to it fails.`
  if (live || keyPlace?.setting !== 'apiKeyEnv') return bad('providers.key', title, null, howToSet(keyPlace))
  return warn('providers.key', title, 'In this shell: a service may have it.', howToSet(keyPlace))
}

function howToSet(place: KeyPlace | undefined): string {
  if (place?.setting === 'apiKeyEnv')
    return `Set ${place.value} where the gateway is started (a service has its file of variables), and restart it.`
  if (place?.setting === 'apiKeyFile')
    return `Write the key into it, and restart: (umask 077; cat > ${quoted(place.value)})`
  return 'Set another apiKey in agent.providers.'
}

function lookAtAnswer(provider: Provider, found: Probe): Finding[] {
  const { name, baseUrl, keyPlace } = provider
  if (found.state === 'silent') {
    const title = `${name} cannot be reached: ${found.reason}.`
    return [warn('providers.reachable', title, baseUrl, howToReach(baseUrl))]
  }
  const { status, durationMs, models } = found
  const answers = `${name} answers in ${durationMs} ms`
  if (status === 200) {
    const key = keyPlace ? ' and takes the key' : ''
    return [ok('providers.reachable', `${answers}${key}.`, baseUrl), ...lookAtModels(provider, models)]
  }
  if (status === 401 || status === 403) {
    const title = keyPlace ? `${name} refuses the key (${status}).` : `${name} wants a key (${status}).`
    return [bad('providers.key', title, baseUrl, 'Make a new key there, and put it where the settings say it is.')]
  }
  if (status === 404 || status === 405) {
    const detail = 'It has no list of models, so that the key was not tried.'
    return [ok('providers.reachable', `${answers}.`, detail)]
  }
  const fix = status >= 500 || status === 429 ? 'Try again later: it may pass.' : 'See whether baseUrl is right.'
  return [warn('providers.reachable', `${name} answers with status ${status}.`, baseUrl, fix)]
}

function howToReach(baseUrl: string): string {
  const { hostname, origin } = new URL(baseUrl)
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return local ? 'Start that server, or correct baseUrl.' : `See whether this machine reaches it: curl -sSI ${origin}`
}

/** What is asked by a name that a provider does not know is refused at the first message. */
function lookAtModels({ name, models }: Provider, listed: string[] | undefined): Finding[] {
  if (!listed || listed.length === 0) return []
  // Ollama lists llama3.2:latest, and takes llama3.2.
  const unknown = models.filter(id => !listed.some(other => other === id || other.startsWith(`${id}:`)))
  if (unknown.length === 0) return []
  const title = `${name} does not list ${namesText(unknown)}.`
  const detail = `It lists ${namesText(listed)}.`
  return [
    info('providers.models', title, detail, 'Unless it takes other names too, correct models in agent.providers.'),
  ]
}

function lookAtProxy({ env }: Subject): Finding[] {
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].flatMap(name => [name, name.toLowerCase()])
  const set = names.filter(name => env[name])
  if (set.length === 0) return []
  const title = `${namesText(set)} is set, and Talon asks providers without a proxy.`
  return [
    info('providers.proxy', title, null, 'Where a proxy is the only way out, let baseUrl name a gateway behind it.'),
  ]
}

/** The answers say what time it is elsewhere; the nearest counts, because one of many may be wrong itself. */
function lookAtClock({ now }: Subject, probes: ReadonlyMap<Provider, Probe>): Finding[] {
  const dates = [...probes.values()].flatMap(found => ('date' in found && found.date ? [found.date] : []))
  const [skewMs] = dates.map(at => now - at).sort((a, b) => Math.abs(a) - Math.abs(b))
  if (skewMs === undefined || Math.abs(skewMs) <= maxSkewMs) return []
  const title = `The clock of this machine is ${ageText(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead' : 'behind'}.`
  const detail = 'Providers say another time. Tokens end, budgets begin anew and certificates are judged by the clock.'
  return [warn('clock.skew', title, detail, 'sudo timedatectl set-ntp true')]
}
