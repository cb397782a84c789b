import { CommandError } from '../context.ts'
import { nodeFlags } from '../entry.ts'
import { type Scope, systemctlOf, unitName } from './systemd.ts'

/** What a unit is made of; all paths are absolute. */
export interface UnitParts {
  scope: Scope
  /** The program `node`. */
  node: string
  /** The script that it runs. */
  entry: string
  home: string
  /** Folders outside of `home` that it writes to. */
  writes: readonly string[]
  /** Variables for it, one NAME=value a line. */
  environmentFile: string
  /** Whom it runs as; for the system's manager only. */
  account: { name: string; group: string } | undefined
  /** Whether this machine lets the manager of an account make namespaces, which folders are closed with. */
  namespaces: boolean
}

/** The first words of every unit of ours; a file without them is somebody's own. */
export const unitMark = '# Written by "talon service install"'

/**
 * The text of the unit.
 * @throws CommandError for a path that a unit cannot hold
 */
export function unitText(parts: UnitParts): string {
  const systemctl = systemctlOf(parts.scope)
  const sections = [
    `${unitMark}, which also replaces it. Changes belong into a drop-in: ${systemctl} edit ${unitName.replace('.service', '')}`,
    unitSection(parts),
    serviceSection(parts),
    hardening(parts),
    `[Install]\nWantedBy=${parts.scope === 'user' ? 'default.target' : 'multi-user.target'}`,
  ]
  return `${sections.join('\n\n')}\n`
}

function unitSection({ scope }: UnitParts): string {
  const network = 'Wants=network-online.target\nAfter=network-online.target\n'
  return `[Unit]
Description=Talon, the gateway between people, programs and AI agents
${scope === 'system' ? network : ''}# Five failures within five minutes end the attempts.
StartLimitIntervalSec=300
StartLimitBurst=5`
}

function serviceSection({ node, entry, home, environmentFile, account }: UnitParts): string {
  // The path of a program takes no variables, its arguments do.
  const command = [word(node), ...[...nodeFlags, entry, '--home', home, 'start'].map(argument)]
  return `[Service]
Type=exec
ExecStart=${command.join(' ')}
# SIGHUP: read talon.json anew.
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-${specifiers(environmentFile)}
${account ? `User=${account.name}\nGroup=${account.group}\n` : ''}
# What a restart does not mend: 78, a setting cannot be used; 74, the database is damaged or cannot be written.
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=78 74
# It is told to stop and ends its tools itself: runs get 10 s. What is left after 20 s is killed.
KillMode=mixed
TimeoutStopSec=20
# A tool that takes all memory ends without the gateway.
OOMPolicy=continue
# Each connection is a file.
LimitNOFILE=65536`
}

// Kept off on purpose, said in the unit as well: see docs/operations.md.
const sandboxNote = `# Tools run in a sandbox of their own (bubblewrap), which makes user, mount, pid and net namespaces: RestrictNamespaces=
# would forbid that, as would a filter of @mount. It mounts a /proc of its own, which a kernel may refuse where the outer
# one is covered in part: ProtectKernelTunables=, ProtectKernelLogs=, ProtectProc= and ProcSubset= stay off.
# MemoryDenyWriteExecute= stays off because JavaScript is compiled while it runs.`

function hardening(parts: UnitParts): string {
  const { scope, namespaces } = parts
  const closed = scope === 'system' || namespaces
  return `${sandboxNote}
NoNewPrivileges=yes
${closed ? closedFolders(parts) : noNamespacesNote}
${scope === 'system' ? 'CapabilityBoundingSet=\nAmbientCapabilities=\nRemoveIPC=yes\n' : ''}RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
UMask=0077`
}

const noNamespacesNote =
  '# This machine lets no account make namespaces, so the file system is not closed here; "talon service install --system" does.'

function closedFolders({ scope, node, entry, home, writes }: UnitParts): string {
  const paths = [node, entry, home, ...writes]
  const inHomes = paths.some(path => /^\/(home|root|run\/user)(\/|$)/.test(path))
  // A private /tmp would hide what is needed there.
  const inTmp = paths.some(path => /^(\/var)?\/tmp(\/|$)/.test(path))
  const lines = [
    'ProtectSystem=strict',
    `ProtectHome=${scope === 'user' || inHomes ? 'read-only' : 'yes'}`,
    `ReadWritePaths=${[home, ...writes].map(word).join(' ')}`,
    ...(inTmp ? [] : ['PrivateTmp=yes']),
    ...['PrivateDevices=yes', 'ProtectControlGroups=yes', 'ProtectKernelModules=yes'],
  ]
  if (scope === 'system') return lines.join('\n')
  return ['# What the manager of an account needs for the lines below.', 'PrivateUsers=yes', ...lines].join('\n')
}

/** A word of a command, where `$` begins a variable. */
function argument(text: string): string {
  return word(text.replaceAll('$', '$$$$'))
}

/** A word of a unit (systemd.syntax(7)), in quotes where it needs them. */
function word(text: string): string {
  const escaped = specifiers(text)
  return /^[\w@+=:,./%-]+$/.test(escaped) ? escaped : `"${escaped.replace(/[\\"]/g, '\\$&')}"`
}

/** `%` begins a specifier of systemd. */
function specifiers(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line feed would begin a line of its own in the unit.
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new CommandError(`The path ${JSON.stringify(text)} holds a control character, which a unit cannot.`)
  }
  return text.replaceAll('%', '%%')
}
