import { expect } from 'vitest'
import { type Client, TalonClientError } from '../../src/client/index.ts'
import type { TestGateway } from '../support/gateway.ts'
import { rest } from './api/rest.ts'

const sessions = 6
const ownersRounds = 40
const sendersPerSession = 2
const messagesPerSender = 12

/** What a reader was told, or found out, about one session. Everything in it only grows. */
interface View {
  title: number
  config: number
  epoch: number
  seq: number
}

/** One session, as those who write to it know it. */
interface Known extends View {
  id: string
  /** Whether it exists; `changing` while a deletion or a restoration is on its way. */
  life: 'there' | 'gone' | 'changing'
  /** Counts the changes of `life`, so that a reader knows whether there was one while it read. */
  lives: number
}

/** Writers that know what they were promised, and readers that hold a gateway to it. */
export class Hammer {
  over = false
  readonly complaints: string[] = []
  readonly #gateway: TestGateway
  readonly #clients: Client[]
  readonly #known: Known[] = []
  readonly #random: () => number
  #acceptedMessages = 0

  constructor(gateway: TestGateway, seed: number) {
    this.#gateway = gateway
    this.#clients = Array.from({ length: 4 }, () => gateway.client())
    this.#random = seeded(seed)
  }

  async begin(): Promise<void> {
    for (let index = 0; index < sessions; index++) {
      const { sessionId } = await this.#client().request('session.create', {
        ...{ senderId: `sender-${index}`, channel: 'hammer', title: 'title 0', config: { n: 0 } },
      })
      this.#known.push({ id: sessionId, title: 0, config: 0, epoch: 1, seq: 0, life: 'there', lives: 0 })
    }
  }

  /** Renames, resets, deletes and restores: one owner a session, so that it knows the order of its own writes. */
  owners(): Promise<void>[] {
    return this.#known.map(async known => {
      for (let round = 0; round < ownersRounds; round++) {
        const chance = this.#random()
        if (chance < 0.7) await this.#rename(known)
        else if (chance < 0.85) await this.#reset(known)
        else await this.#deleteAndRestore(known)
      }
    })
  }

  configurers(): Promise<void>[] {
    return this.#known.map(async known => {
      for (let n = 1; n <= ownersRounds; n++) {
        const done = await this.#unlessGone(known, () =>
          this.#write('PATCH', known.id, '', { config: { n } }, client =>
            client.request('session.update', { sessionId: known.id, config: { n } }),
          ),
        )
        if (done) known.config = n
      }
    })
  }

  senders(): Promise<void>[] {
    return this.#known.flatMap(known =>
      Array.from({ length: sendersPerSession }, async () => {
        for (let n = 0; n < messagesPerSender; n++) {
          const text = `message ${n}`
          const accepted = await this.#unlessGone(known, () =>
            this.#write('POST', known.id, '/messages', { text }, client =>
              client.request('session.send_message', { sessionId: known.id, text }),
            ),
          )
          if (!accepted) continue
          this.#acceptedMessages += 1
          this.#learnPlace(known, Number(accepted['epoch']), Number(accepted['seq']))
        }
      }),
    )
  }

  /** Reads until the writers are done. */
  async reader(index: number): Promise<void> {
    const seen = new Map<string, View>()
    while (!this.over) {
      const known = this.#pick(this.#known)
      const promised = { ...known }
      const accepted = this.#acceptedMessages
      const kind = this.#pick(kinds)
      const found = await this.#read(kind, known.id)
      const say = (what: string) => {
        const promise = JSON.stringify(promised)
        this.complaints.push(`reader ${index}, ${kind}: ${what}; promised ${promise}, found ${JSON.stringify(found)}`)
      }
      if (kind === 'status') {
        if ((found?.['totalMessages'] ?? 0) < accepted) say(`fewer messages than ${accepted}`)
        continue
      }
      if (!found) {
        if (promised.life === 'there' && known.lives === promised.lives) say('not there')
        continue
      }
      if (promised.life === 'gone' && known.lives === promised.lives) say('still there')
      const older = behind(found, promised)
      if (older) say(`${older} is older than promised`)
      // A page of history comes from the log itself, which may be ahead of what commits have told.
      if (kind === 'history') continue
      const before = seen.get(known.id)
      const back = before && behind(found, before)
      if (back) say(`${back} went back behind ${JSON.stringify(before)}`)
      seen.set(known.id, { ...before, ...found } as View) // All fields but those that this kind of read does not show.
    }
  }

  async countsAgree(): Promise<void> {
    const { stats } = await this.#client().request('gateway.status', {})
    expect(stats.sessions).toBe(sessions)
    expect(stats.totalMessages).toBeGreaterThanOrEqual(this.#acceptedMessages)
  }

  async #rename(known: Known): Promise<void> {
    const title = `title ${known.title + 1}`
    await this.#write('PATCH', known.id, '', { title }, client =>
      client.request('session.update', { sessionId: known.id, title }),
    )
    known.title += 1
  }

  async #reset(known: Known): Promise<void> {
    const reset = await this.#write('POST', known.id, '/reset', {}, client =>
      client.request('session.reset', { sessionId: known.id }),
    )
    this.#learnPlace(known, Number(reset['epoch']), 0)
  }

  async #deleteAndRestore(known: Known): Promise<void> {
    this.#live(known, 'changing')
    await this.#write('DELETE', known.id, '', undefined, client =>
      client.request('session.delete', { sessionId: known.id }),
    )
    this.#live(known, 'gone')
    for (let look = 0; look < 3; look++) await this.#client().request('ping', {})
    this.#live(known, 'changing')
    await this.#write('POST', known.id, '/restore', {}, client =>
      client.request('session.restore', { sessionId: known.id }),
    )
    this.#live(known, 'there')
  }

  #live(known: Known, life: Known['life']): void {
    known.life = life
    known.lives += 1
  }

  #learnPlace(known: Known, epoch: number, seq: number): void {
    if (epoch > known.epoch) Object.assign(known, { epoch, seq })
    else if (epoch === known.epoch && seq > known.seq) known.seq = seq
  }

  /** Writes over REST or a socket, as chance has it. */
  async #write(
    method: string,
    id: string,
    path: string,
    body: unknown,
    ask: (client: Client) => Promise<object>,
  ): Promise<Record<string, unknown>> {
    if (this.#random() < 0.7) return { ...(await ask(this.#client())) }
    const answer = await rest(this.#gateway, method, `/api/v1/sessions/${id}${path}`, { body })
    if (answer.status === 404) throw new Gone()
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
    return answer.body
  }

  /** A session that its owner deletes meanwhile is none that anybody else can write to. */
  async #unlessGone<T>(known: Known, write: () => Promise<T>): Promise<T | undefined> {
    const { life, lives } = known
    try {
      return await write()
    } catch (error) {
      if (!isGone(error)) throw error
      if (life === 'there' && known.lives === lives) throw error
      return undefined
    }
  }

  /** What a read of this kind says of a session; undefined if that it is not there. */
  async #read(kind: Kind, id: string): Promise<(Partial<View> & { totalMessages?: number }) | undefined> {
    try {
      return await reads[kind]({ gateway: this.#gateway, client: this.#client(), id })
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
  }

  #client(): Client {
    return this.#pick(this.#clients)
  }

  #pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.#random() * list.length)]
    if (picked === undefined) throw new Error('There is nothing to pick from.')
    return picked
  }
}

const kinds = ['get', 'rest', 'page', 'history', 'status'] as const
type Kind = (typeof kinds)[number]
type Asked = { gateway: TestGateway; client: Client; id: string }

const reads: Record<Kind, (asked: Asked) => Promise<Partial<View> & { totalMessages?: number }>> = {
  async get({ client, id }) {
    return viewOf((await client.request('session.get', { sessionId: id })).session)
  },
  async rest({ gateway, id }) {
    const { status, body } = await rest(gateway, 'GET', `/api/v1/sessions/${id}`)
    if (status === 404) throw new Gone()
    return viewOf(body['session'] as Parameters<typeof viewOf>[0]) // Of the same shape as over a socket.
  },
  async page({ gateway, id }) {
    const answer = await gateway.fetch(`/sessions/${id}`, { headers: { accept: 'text/html' } })
    const html = await answer.text()
    if (answer.status === 404) throw new Gone()
    return { title: numberIn(/<title>([^<]*)<\/title>/.exec(html)?.[1] ?? null) }
  },
  async history({ client, id }) {
    const { epoch, messages } = await client.request('session.history', { sessionId: id, limit: 1 })
    return { epoch, seq: messages.at(-1)?.seq ?? 0 }
  },
  async status({ client }) {
    return { totalMessages: (await client.request('gateway.status', {})).stats.totalMessages }
  },
}

function viewOf(session: { title: string | null; config: Record<string, unknown>; epoch: number; seq: number }): View {
  const { title, config, epoch, seq } = session
  return { title: numberIn(title), config: Number(config['n']), epoch, seq }
}

/** Which part of what was found is older than what has to be there. */
function behind(found: Partial<View>, floor: Partial<View>): keyof View | undefined {
  const { title = 0, config = 0, epoch = 0, seq = 0 } = floor
  if (found.title !== undefined && found.title < title) return 'title'
  if (found.config !== undefined && found.config < config) return 'config'
  if (found.epoch !== undefined && found.epoch < epoch) return 'epoch'
  return found.epoch === epoch && found.seq !== undefined && found.seq < seq ? 'seq' : undefined
}

function numberIn(title: string | null): number {
  const number = /^title (\d+)/.exec(title ?? '')?.[1]
  if (number === undefined) throw new Error(`"${title}" is no title of a session.`)
  return Number(number)
}

class Gone extends Error {}

function isGone(error: unknown): boolean {
  return error instanceof Gone || (error instanceof TalonClientError && error.code === 'SESSION_NOT_FOUND')
}

/** Mulberry32: the same numbers at every run, though not the same order of what they are used for. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
