import { BlockList, isIP } from 'node:net'
import { isLoopback } from '../config.ts'
import { parseHostRule } from '../host-rules.ts'
import type { Audited, SecurityRow, Weakness } from './security.ts'

// Who is asked half an hour later does not know any more what for.
const longMs = 30 * 60_000
// Where machines of most clouds get keys of their own.
const metadataAddress = '169.254.169.254'
const metadataName = 'metadata.google.internal'

/** What tools may do without a person, what they reach, and what that may cost. */
export const toolRows: readonly SecurityRow[] = [
  {
    id: 'tools.profile',
    fine: 'Tools ask before they do what cannot be undone.',
    why: 'A model that was misled by a web page or a file runs commands and reaches the network without anybody asked.',
    look({ config }) {
      if (config['tools.profile'] !== 'full') return []
      const title = 'tools.profile is "full": in every session that has no other, no tool asks.'
      const fix = 'talon config set tools.profile=workspace, and give "full" to the sessions that need it.'
      return [{ risk: 'high', title, fix }]
    },
  },
  {
    id: 'tools.taint',
    fine: 'Text of others makes commands and the network ask first.',
    why: 'A page that the model reads can tell it what to do, and nobody sees that before it is done.',
    look({ config }) {
      if (config['tools.taint'] === 'on') return []
      return [{ risk: 'medium', title: 'tools.taint is off.', fix: 'talon config set tools.taint=on' }]
    },
  },
  {
    id: 'tools.approvals',
    fine: 'What waits for a person is denied in due time.',
    why: 'What is allowed long after it was asked is allowed without knowing what for.',
    look({ config }) {
      const ms = config['tools.approvalTimeoutMs']
      if (ms <= longMs) return []
      const title = `What asks waits for ${Math.round(ms / 60_000)} minutes.`
      return [{ risk: 'low', title, fix: 'talon config set tools.approvalTimeoutMs=120000' }]
    },
  },
  {
    id: 'tools.sandbox',
    fine: 'Commands of tools are walled in as well as this machine can.',
    why: 'A command then reads and changes what the account of the gateway may: keys, sessions, other programs.',
    look({ config }) {
      const level = config['sandbox.level']
      if (level !== 'off' && level !== 'limits') return []
      const risk = level === 'off' ? 'high' : 'medium'
      return [{ risk, title: `sandbox.level is "${level}".`, fix: 'talon config set sandbox.level=auto, and restart.' }]
    },
  },
  {
    id: 'tools.command-network',
    fine: 'Commands of tools have no network.',
    why: 'A command can send away all that it reads, and reach every port of this machine.',
    look({ config }) {
      if (!config['sandbox.network']) return []
      const title = 'sandbox.network is on: commands of the shell tools have the network.'
      return [{ risk: 'medium', title, fix: 'talon config set sandbox.network=false' }]
    },
  },
  {
    id: 'tools.hosts',
    fine: 'Tools reach neither keys of a cloud nor all of this machine.',
    why: 'A model that was misled can get the keys of the machine there, or speak to whatever listens on it.',
    look: ({ config }) => config['network.allowHosts'].flatMap(lookAtHosts),
  },
  {
    id: 'budget.spending',
    fine: 'What models may cost is bounded, or nothing is paid for.',
    why: 'A run that goes in circles, or a stolen token, spends as much as the provider lets it.',
    look: lookAtSpending,
  },
]

function lookAtHosts(text: string): Weakness[] {
  const rule = parseHostRule(text)
  const fix = `Name single hosts with their port in the place of ${text} in network.allowHosts.`
  if (!rule) return []
  if (rule.kind !== 'network') {
    const covers = rule.kind === 'name' ? rule.name === metadataName : metadataName.endsWith(`.${rule.name}`)
    if (covers) return [{ risk: 'high', title: `Tools may reach ${text}, where keys of the machine are.`, fix }]
    if (rule.port !== undefined || rule.kind !== 'name' || !isLoopback(rule.name)) return []
    return [{ risk: 'medium', title: `Tools may reach every port of this machine (${text}).`, fix }]
  }
  const family = isIP(rule.address) === 6 ? 'ipv6' : 'ipv4'
  const network = new BlockList()
  network.addSubnet(rule.address, rule.prefix, family)
  if (family === 'ipv4' && network.check(metadataAddress)) {
    return [
      { risk: 'high', title: `Tools may reach ${metadataAddress} (${text}), where keys of the machine are.`, fix },
    ]
  }
  if (rule.port !== undefined || !network.check(family === 'ipv6' ? '::1' : '127.0.0.1', family)) return []
  return [{ risk: 'medium', title: `Tools may reach every port of this machine (${text}).`, fix }]
}

function lookAtSpending({ config, providers }: Audited): Weakness[] {
  // A server on this machine costs nothing but its power.
  const paid = providers.filter(({ baseUrl }) => !isLoopback(new URL(baseUrl).hostname))
  // A bound for each session alone is none: sessions are free.
  const bounds = [
    config['budget.dailyUsd'],
    config['budget.dailyTokens'],
    config['budget.tokenUsd'],
    config['budget.tokenTokens'],
  ]
  if (paid.length === 0 || bounds.some(bound => bound !== null)) return []
  return [{ risk: 'low', title: 'No budget bounds what models cost.', fix: 'talon config set budget.dailyUsd=5' }]
}
