import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { namesText, reasonOf } from './words.ts'

const unitName = 'talon.service'
// What "talon service install" begins its units with; others are somebody's own.
const unitMark = '# Written by "talon service install"'

/** Whether the unit of this data folder, if there is one, still names a program that is there. */
export const serviceCheck: Check = {
  name: 'service',
  group: 'program',
  look(subject) {
    return placesOf(subject).flatMap(([file, flag]) => {
      if (!existsSync(file)) return []
      try {
        const command = commandOf(readFileSync(file, 'utf8'))
        if (command === undefined || !command.includes(subject.home)) return []
        return [lookAtCommand(file, { command, flag, home: subject.home })]
      } catch (thrown) {
        return [info('program.service', `${file} cannot be read.`, `${reasonOf(thrown)}.`)]
      }
    })
  },
}

/** As systemd.unit(5) looks for them. */
function placesOf({ env, machine }: Subject): [file: string, flag: string][] {
  const config = env['XDG_CONFIG_HOME'] || join(machine.accountHome, '.config')
  return [
    [join(config, 'systemd', 'user', unitName), ''],
    [join(machine.systemUnits, unitName), ' --system'],
  ]
}

/** The words of the command, without the quotes that a unit may have around them. */
function commandOf(unit: string): string[] | undefined {
  const line = unit.startsWith(unitMark) ? /^ExecStart=(.*)$/m.exec(unit)?.[1] : undefined
  return line?.match(/"(?:[^"\\]|\\.)*"|\S+/g)?.map(word =>
    word
      .replace(/^"(.*)"$/, '$1')
      .replace(/\\(.)/g, '$1')
      .replaceAll('%%', '%')
      .replaceAll('$$', '$'),
  )
}

interface Started {
  command: readonly string[]
  /** Of "talon service install" that wrote it. */
  flag: string
  home: string
}

function lookAtCommand(file: string, { command, flag, home }: Started): Finding {
  const missing = command.filter(word => word.startsWith('/') && word !== home && !existsSync(word))
  if (missing.length === 0) return ok('program.service', `The service ${file} starts a program that is there.`)
  const title = `The service ${file} starts what is not there any more: ${namesText(missing)}.`
  const detail = 'Talon or Node was moved or removed, so that it fails at its next start.'
  return warn('program.service', title, detail, `talon service install${flag}`)
}
