import * as z from 'zod'

const count = z.number().int().min(1)

/** The settings of the section `sandbox`, and of processes that tools leave running, in the table of `settings.ts`. */
export const sandboxSettings = {
  'sandbox.level': {
    schema: z.enum(['auto', 'full', 'container', 'limits', 'off']),
    default: 'auto',
    doc: 'How far commands of tools are shut in, at most. "auto" takes the best that works here; none is ever claimed that does not. See docs/sandbox.md.',
    live: false,
  },
  'sandbox.network': {
    schema: z.boolean(),
    default: false,
    doc: 'Whether commands of the shell tools get the network, and with it the ports of this machine.',
    live: true,
  },
  'sandbox.memoryMegabytes': {
    schema: count.min(64).max(1_048_576),
    default: 1_024,
    doc: 'Memory of one command with all that it starts; the same again is the room in its private /tmp and /dev/shm together.',
    live: true,
  },
  'sandbox.cpuSeconds': {
    schema: count.max(86_400),
    default: 600,
    doc: 'Seconds of processor time for each process of a command.',
    live: true,
  },
  'sandbox.fileMegabytes': {
    schema: count.max(1_048_576),
    default: 256,
    doc: 'Size of each file that a command writes.',
    live: true,
  },
  'sandbox.processes': {
    schema: count.min(4).max(10_000),
    default: 256,
    doc: 'Processes and threads of one command at once.',
    live: true,
  },
  'tools.processMaxMinutes': {
    schema: count.max(10_080),
    default: 240,
    doc: 'Minutes after which a process that process_start began is ended.',
    live: true,
  },
  'tools.processIdleMinutes': {
    schema: count.max(10_080),
    default: 60,
    doc: 'Minutes after which such a process is ended if nobody asked for its output.',
    live: true,
  },
} as const
