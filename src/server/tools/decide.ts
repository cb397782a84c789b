import type { Permission } from './tool.ts'

/** Whether a tool may run, and the name of the rule that says so. Every result carries it. */
export interface Decision {
  allowed: boolean
  rule: string
}

const rules: Record<Permission, Decision> = {
  safe: { allowed: true, rule: 'safe' },
  write: { allowed: true, rule: 'write.workspace' },
  exec: { allowed: false, rule: 'exec.unavailable' },
  network: { allowed: false, rule: 'network.unavailable' },
}

/** Decides by what a tool may do. Nothing that a client or a model sends is an input. */
export function decide(tool: { permission: Permission }): Decision {
  return rules[tool.permission]
}

/** Why a tool may not run, for whoever asked; undefined if it may. */
export function denialOf(tool: { name: string; permission: Permission }): string | undefined {
  if (decide(tool).allowed) return undefined
  return `${tool.name} needs the permission "${tool.permission}", which is not available yet.`
}
