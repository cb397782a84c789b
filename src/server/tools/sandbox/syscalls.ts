/** What a filter does with a system call. */
export type Rule =
  | { kind: 'refuse'; error: number }
  /** Refused if this argument has any of these bits; `ifAlso` has to be met as well. */
  | { kind: 'bits'; argument: number; mask: number; ifAlso?: { argument: number; mask: number } }
  /** Refused if this argument, after the mask, is one of these. */
  | { kind: 'values'; argument: number; mask?: number; values: readonly number[] }
  /** Refused unless this argument is one of these. */
  | { kind: 'unless'; argument: number; values: readonly number[]; error: number }

export interface SystemCall {
  name: string
  /** Its number on each kind of processor; null where it does not exist. */
  x64: number | null
  arm64: number | null
  rules: readonly Rule[]
}

const notPermitted = 1
const noSuchCall = 38
const familyNotSupported = 97

const setId = 0o6000
/** O_CREAT and what O_TMPFILE adds: without them the mode means nothing and may be anything. */
const creates = 0x40 | 0x40_0000
/** Every CLONE_NEW* of clone(2). */
const namespaces = 0x7e02_0000
const fileType = 0o170_000
const devices = [0o020_000, 0o060_000]
/** TIOCSTI and TIOCLINUX of ioctl_tty(2): what types into the terminal of whoever started it. */
const typing = [0x5412, 0x541c]
/** Unix, IPv4, IPv6, netlink. What is not among them, such as VSOCK, knows no namespace and reaches the host. */
const families = [1, 2, 10, 16]

/**
 * Every system call that a command in the sandbox may not make, or not with these arguments. Numbers are those of
 * arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl of Linux.
 */
export const systemCalls: readonly SystemCall[] = [
  // A command of a gateway that runs as root writes files of root: one with a set-user-id bit would be a way back out.
  call('chmod', 90, null, bits(1, setId)),
  call('fchmod', 91, 52, bits(1, setId)),
  call('fchmodat', 268, 53, bits(2, setId)),
  call('fchmodat2', 452, 452, bits(2, setId)),
  call('creat', 85, null, bits(1, setId)),
  call('open', 2, null, { ...bits(2, setId), ifAlso: { argument: 1, mask: creates } }),
  call('openat', 257, 56, { ...bits(3, setId), ifAlso: { argument: 2, mask: creates } }),
  call('mknod', 133, null, bits(1, setId), { kind: 'values', argument: 1, mask: fileType, values: devices }),
  call('mknodat', 259, 33, bits(2, setId), { kind: 'values', argument: 2, mask: fileType, values: devices }),
  // A filter cannot look into what a pointer points at; programs fall back to the call without one.
  absent('openat2', 437, 437),
  absent('clone3', 435, 435),
  call('clone', 56, 220, bits(0, namespaces)),
  call('ioctl', 16, 29, { kind: 'values', argument: 1, values: typing }),
  call('socket', 41, 198, { kind: 'unless', argument: 0, values: families, error: familyNotSupported }),
  // Their work is done past every filter.
  absent('io_uring_setup', 425, 425),
  absent('io_uring_enter', 426, 426),
  absent('io_uring_register', 427, 427),
  // Memory that belongs to no process is seen by no limit.
  refused('memfd_create', 319, 279),
  refused('memfd_secret', 447, 447),
  refused('unshare', 272, 97),
  refused('setns', 308, 268),
  refused('mount', 165, 40),
  refused('umount2', 166, 39),
  refused('pivot_root', 155, 41),
  refused('chroot', 161, 51),
  refused('fsopen', 430, 430),
  refused('fsconfig', 431, 431),
  refused('fsmount', 432, 432),
  refused('fspick', 433, 433),
  refused('open_tree', 428, 428),
  refused('open_tree_attr', 467, 467),
  refused('move_mount', 429, 429),
  refused('mount_setattr', 442, 442),
  refused('name_to_handle_at', 303, 264),
  refused('open_by_handle_at', 304, 265),
  refused('ptrace', 101, 117),
  refused('process_vm_readv', 310, 270),
  refused('process_vm_writev', 311, 271),
  refused('pidfd_getfd', 438, 438),
  refused('kcmp', 312, 272),
  refused('add_key', 248, 217),
  refused('request_key', 249, 218),
  refused('keyctl', 250, 219),
  refused('bpf', 321, 280),
  refused('userfaultfd', 323, 282),
  refused('perf_event_open', 298, 241),
  refused('fanotify_init', 300, 262),
  refused('init_module', 175, 105),
  refused('finit_module', 313, 273),
  refused('delete_module', 176, 106),
  refused('kexec_load', 246, 104),
  refused('kexec_file_load', 320, 294),
  refused('reboot', 169, 142),
  refused('swapon', 167, 224),
  refused('swapoff', 168, 225),
  refused('acct', 163, 89),
  refused('quotactl', 179, 60),
  refused('quotactl_fd', 443, 443),
  refused('settimeofday', 164, 170),
  refused('clock_settime', 227, 112),
  refused('clock_adjtime', 305, 266),
  refused('adjtimex', 159, 171),
  refused('sethostname', 170, 161),
  refused('setdomainname', 171, 162),
  refused('syslog', 103, 116),
  refused('vhangup', 153, 58),
  refused('iopl', 172, null),
  refused('ioperm', 173, null),
  refused('modify_ldt', 154, null),
]

function bits(argument: number, mask: number) {
  return { kind: 'bits', argument, mask } as const
}

function call(name: string, x64: number | null, arm64: number | null, ...rules: readonly Rule[]): SystemCall {
  return { name, x64, arm64, rules }
}

function refused(name: string, x64: number | null, arm64: number | null): SystemCall {
  return call(name, x64, arm64, { kind: 'refuse', error: notPermitted })
}

/** Answers as a kernel that does not know it, which programs are prepared for. */
function absent(name: string, x64: number | null, arm64: number | null): SystemCall {
  return call(name, x64, arm64, { kind: 'refuse', error: noSuchCall })
}
