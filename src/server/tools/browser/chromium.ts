import { TalonError } from '../../../protocol/errors.ts'
import type { Log } from '../../log.ts'
import { findExecutable } from './executable.ts'
import { type Launched, type LaunchParts, launch, type Wall, wallsFor } from './launch.ts'

/** The one process of the browser, which runs while somebody needs it. */
export interface Chromium {
  /** Why it cannot run on this machine, with the fix. */
  whyNot(): string | undefined
  /** Starts it if it does not run. @throws TalonError `FORBIDDEN`, `TOOL_FAILED` */
  get(): Promise<Launched>
  /** Ends it if it runs. */
  end(): Promise<void>
}

export interface ChromiumParts extends LaunchParts {
  log: Log
}

/** @param onCrash told when it has ended by itself */
export function createChromium(parts: ChromiumParts, onCrash: () => void): Chromium {
  const { config, log } = parts
  let running: Promise<Launched> | undefined
  // Walls that it does not start behind on this machine, and what it said.
  const broken = new Map<Wall, string>()

  const walls = (): [Wall, ...Wall[]] | string => {
    const found = wallsFor(parts)
    if (typeof found === 'string') return found
    const [first, ...others] = found.filter(wall => !broken.has(wall))
    if (first !== undefined) return [first, ...others]
    return `Chromium starts behind no wall on this machine: ${[...broken.values()].at(-1)} See docs/browser.md.`
  }
  const tryWall = async (executable: string, wall: Wall): Promise<Launched | undefined> => {
    try {
      const launched = await launch(parts, executable, wall)
      log.info({ wall, version: launched.browser.version() }, 'the browser of tools runs')
      return launched
    } catch (error) {
      const words = wordsOf(error)
      log.warn({ wall, said: words }, 'the browser of tools did not start')
      // Whatever else it is may be over the next time.
      if (!/usable sandbox|namespace/i.test(words)) throw notStarted(words)
      broken.set(wall, words)
      return undefined
    }
  }
  const start = async (): Promise<Launched> => {
    const found = findExecutable(config['browser.executable'])
    if ('missing' in found) throw new TalonError('FORBIDDEN', found.missing)
    for (;;) {
      const left = walls()
      if (typeof left === 'string') throw new TalonError('FORBIDDEN', left)
      const launched = await tryWall(found.path, left[0])
      if (launched) return launched
    }
  }
  const follow = (mine: Promise<Launched>, launched: Launched) => {
    launched.browser.on('disconnected', () => {
      if (running !== mine) return
      running = undefined
      log.warn('the browser of tools has ended by itself')
      onCrash()
      void launched.close()
    })
  }
  return {
    whyNot() {
      const found = findExecutable(config['browser.executable'])
      if ('missing' in found) return found.missing
      const left = walls()
      return typeof left === 'string' ? left : undefined
    },
    get() {
      if (running) return running
      const mine = start()
      running = mine
      mine.then(
        launched => follow(mine, launched),
        () => {
          if (running === mine) running = undefined
        },
      )
      return mine
    },
    async end() {
      const ending = running
      running = undefined
      await ending?.then(launched => launched.close()).catch(() => {})
    },
  }
}

function notStarted(words: string): TalonError {
  return new TalonError('TOOL_FAILED', `Chromium did not start. It said: ${words}`)
}

/** Of all that is said about a start, the line that tells why it failed. */
function wordsOf(error: unknown): string {
  if (error instanceof TalonError) return error.message
  const text = error instanceof Error ? error.message : String(error)
  // Playwright colours its lines.
  const lines = text.split('\n').map(line => line.replace(/\p{Cc}\[\d+m/gu, '').trim())
  const told = lines.findLast(line => /\[err\].*(ERROR|FATAL|bwrap)/.test(line)) ?? lines[0] ?? ''
  return told.replace(/^.*\[err\]\s*/, '').slice(0, 300)
}
