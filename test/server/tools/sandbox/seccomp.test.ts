import { describe, expect, test } from 'vitest'
import { type Processor, seccompFilter } from '../../../../src/server/tools/sandbox/seccomp.ts'
import { systemCalls } from '../../../../src/server/tools/sandbox/syscalls.ts'

const allowed = 0x7fff_0000
const killed = 0x8000_0000
const refused = (error: number) => 0x0005_0000 | error
const architectures = { x64: 0xc000_003e, arm64: 0xc000_00b7 }
const harmless = { x64: [0, 1, 39, 59, 60, 202, 231], arm64: [63, 64, 93, 94, 98, 172, 221] }

/** What the kernel would answer: classic BPF as linux/filter.h has it, as far as the filter uses it. */
function answer(filter: Buffer, architecture: number, number: number, args: readonly number[] = []): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(number >>> 0, 0)
  data.writeUInt32LE(architecture, 4)
  for (const [at, arg] of args.entries()) data.writeBigInt64LE(BigInt(arg), 16 + 8 * at)
  let value = 0
  for (let at = 0; ; at++) {
    const code = filter.readUInt16LE(at * 8)
    const [ifTrue, ifFalse, operand] = [
      filter[at * 8 + 2] ?? 0,
      filter[at * 8 + 3] ?? 0,
      filter.readUInt32LE(at * 8 + 4),
    ]
    if (code === 0x20) value = data.readUInt32LE(operand)
    else if (code === 0x54) value = (value & operand) >>> 0
    else if (code === 0x06) return operand
    else if (code === 0x15) at += value === operand ? ifTrue : ifFalse
    else if (code === 0x35) at += value >= operand ? ifTrue : ifFalse
    else if (code === 0x45) at += (value & operand) !== 0 ? ifTrue : ifFalse
    else throw new Error(`There is no such instruction: ${code}.`)
  }
}

describe.each(['x64', 'arm64'] as const)('the filter for %s', (processor: Processor) => {
  const filter = seccompFilter(processor)
  const ask = (number: number, ...args: number[]) => answer(filter, architectures[processor], number, args)
  const numberOf = (name: string) => systemCalls.find(call => call.name === name)?.[processor] ?? -1

  test('has an answer for every call, and lets ordinary ones pass', () => {
    for (let number = 0; number < 600; number++)
      expect([allowed, refused(1), refused(38), refused(97)]).toContain(ask(number))
    for (const number of harmless[processor]) expect(ask(number)).toBe(allowed)
  })

  test('refuses what the table refuses without a look at arguments', () => {
    for (const { name, rules } of systemCalls) {
      const [rule] = rules
      if (rule?.kind === 'refuse' && numberOf(name) >= 0) expect(ask(numberOf(name))).toBe(refused(rule.error))
    }
  })

  test('names no call twice', () => {
    const numbers = systemCalls.map(call => call[processor]).filter(number => number !== null)
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  test('looks at modes, flags, families and commands', () => {
    expect(ask(numberOf('fchmod'), 3, 0o755)).toBe(allowed)
    expect(ask(numberOf('fchmod'), 3, 0o4755)).toBe(refused(1))
    expect(ask(numberOf('fchmodat'), -100, 0, 0o2755)).toBe(refused(1))
    expect(ask(numberOf('openat'), -100, 0, 0o101, 0o644)).toBe(allowed)
    expect(ask(numberOf('openat'), -100, 0, 0o101, 0o4644)).toBe(refused(1))
    // Without O_CREAT the mode is whatever was in the register.
    expect(ask(numberOf('openat'), -100, 0, 0o1, 0o4644)).toBe(allowed)
    expect(ask(numberOf('mknodat'), -100, 0, 0o010_644)).toBe(allowed)
    expect(ask(numberOf('mknodat'), -100, 0, 0o020_644)).toBe(refused(1))
    expect(ask(numberOf('mknodat'), -100, 0, 0o060_644)).toBe(refused(1))
    expect(ask(numberOf('clone'), 0x0100_0011)).toBe(allowed)
    expect(ask(numberOf('clone'), 0x1000_0011)).toBe(refused(1))
    expect(ask(numberOf('ioctl'), 0, 0x5401)).toBe(allowed)
    expect(ask(numberOf('ioctl'), 0, 0x5412)).toBe(refused(1))
    expect(ask(numberOf('ioctl'), 0, 0x1_0000_5412)).toBe(refused(1))
    for (const family of [1, 2, 10, 16]) expect(ask(numberOf('socket'), family)).toBe(allowed)
    for (const family of [0, 17, 31, 38, 40]) expect(ask(numberOf('socket'), family)).toBe(refused(97))
  })

  test('ends a process that speaks for another kind of processor', () => {
    expect(answer(filter, 0x4000_0003, 1)).toBe(killed)
  })
})

test('the numbers of x32 pass by no rule', () => {
  expect(answer(seccompFilter('x64'), architectures.x64, 0x4000_0000 + 39)).toBe(refused(38))
})
