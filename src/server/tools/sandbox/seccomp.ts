import { type Rule, systemCalls } from './syscalls.ts'

/** Names of processors that a filter can be made for, as Node has them. */
export type Processor = 'x64' | 'arm64'

/** One instruction of classic BPF: `struct sock_filter` of linux/filter.h. */
interface Instruction {
  code: number
  ifTrue: number
  ifFalse: number
  value: number
}

const loadWord = 0x20 // BPF_LD | BPF_W | BPF_ABS
const jumpIfEqual = 0x15
const jumpIfAtLeast = 0x35
const jumpIfAny = 0x45
const and = 0x54
const answer = 0x06

const allow = 0x7fff_0000
const killProcess = 0x8000_0000
const errorAnswer = 0x0005_0000
const notPermitted = 1
const noSuchCall = 38

// Places in `struct seccomp_data`. Both processors are little endian, so that the low half of an argument comes first.
const numberAt = 0
const architectureAt = 4
const argumentAt = (index: number) => 16 + 8 * index

const architectures: Readonly<Record<Processor, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 }
/** Calls of x32 have this bit in their number, and would pass by every rule. */
const x32Bit = 0x4000_0000

export function isProcessor(name: string): name is Processor {
  return Object.hasOwn(architectures, name)
}

/** The filter of system calls as `bwrap --seccomp` reads it: what is not refused passes. */
export function seccompFilter(processor: Processor): Buffer {
  const program: Instruction[] = [
    load(architectureAt),
    jump(jumpIfEqual, architectures[processor], 1, 0),
    end(killProcess),
    load(numberAt),
  ]
  if (processor === 'x64') program.push(jump(jumpIfAtLeast, x32Bit, 0, 1), end(errorAnswer | noSuchCall))
  for (const call of systemCalls) {
    const number = call[processor]
    if (number === null) continue
    const body = [...call.rules.flatMap(bodyOf), end(allow)]
    program.push(jump(jumpIfEqual, number, 0, body.length), ...body)
  }
  program.push(end(allow))
  return Buffer.concat(program.map(encode))
}

/** What judges the arguments of a call; it falls through where the rule does not refuse. */
function bodyOf(rule: Rule): Instruction[] {
  const refuse = end(errorAnswer | notPermitted)
  if (rule.kind === 'refuse') return [end(errorAnswer | rule.error)]
  const { argument } = rule
  if (rule.kind === 'bits') {
    const check = [load(argumentAt(argument)), jump(jumpIfAny, rule.mask, 0, 1), refuse]
    if (!rule.ifAlso) return check
    return [load(argumentAt(rule.ifAlso.argument)), jump(jumpIfAny, rule.ifAlso.mask, 0, check.length), ...check]
  }
  if (rule.kind === 'unless') {
    const tests = rule.values.map((value, at) => jump(jumpIfEqual, value, rule.values.length - at, 0))
    return [load(argumentAt(argument)), ...tests, end(errorAnswer | rule.error)]
  }
  const masked = rule.mask === undefined ? [] : [{ code: and, ifTrue: 0, ifFalse: 0, value: rule.mask }]
  return [
    load(argumentAt(argument)),
    ...masked,
    ...rule.values.flatMap(value => [jump(jumpIfEqual, value, 0, 1), refuse]),
  ]
}

function load(value: number): Instruction {
  return { code: loadWord, ifTrue: 0, ifFalse: 0, value }
}

/** Both ways are counts of instructions that are passed over. */
function jump(code: number, value: number, ifTrue: number, ifFalse: number): Instruction {
  return { code, ifTrue, ifFalse, value }
}

function end(value: number): Instruction {
  return { code: answer, ifTrue: 0, ifFalse: 0, value }
}

function encode({ code, ifTrue, ifFalse, value }: Instruction): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(code, 0)
  bytes.writeUInt8(ifTrue, 2)
  bytes.writeUInt8(ifFalse, 3)
  bytes.writeUInt32LE(value >>> 0, 4)
  return bytes
}
