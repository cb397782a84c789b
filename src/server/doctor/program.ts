import { bad, type Check, type Finding, ok, type Subject, warn } from './check.ts'

const requiredMajor = 24

/** What runs: Node, this program, and the gateway if it is another version. */
export const programCheck: Check = {
  name: 'program',
  group: 'program',
  look: subject => [...lookAtNode(subject), ...lookAtVersion(subject)],
}

function lookAtNode({ nodeVersion }: Subject): Finding[] {
  if (Number.parseInt(nodeVersion, 10) >= requiredMajor) return [ok('program.node', `Node ${nodeVersion}`)]
  return [bad('program.node', `Node ${nodeVersion} is too old.`, null, `Install Node ${requiredMajor} or newer.`)]
}

function lookAtVersion({ version, holder }: Subject): Finding[] {
  if (holder?.version === undefined || holder.version === version) return [ok('program.version', `Talon ${version}`)]
  return [
    warn(
      'program.version',
      `The gateway that runs is Talon ${holder.version}, and this is ${version}.`,
      'It goes on with the program that it was started from.',
      'Restart the gateway.',
    ),
  ]
}
