import { setTimeout } from 'node:timers/promises'
import { BOUNDARY, field, file, form } from '../e2e/multipart.ts'
import { sha256 } from '../samples.ts'
import { type Answer, ask, follow, jsonOf, type ReadOptions } from './ask.ts'
import type { ClientLog } from './client-log.ts'

/** As the client knows it. */
export interface KnownMedia {
  readonly id: string
  readonly sha256: string
  title: string
  /** What its ETag was last. */
  tag: string
}

export interface Sending {
  readonly bytes: Buffer
  /** With it the upload is sent again until it is taken; without it, once. */
  readonly key?: string | undefined
  readonly title: string
  /** Between two chunks of 64 KiB, in ms. */
  readonly pause?: number
  /** How often it is sent at most. */
  readonly tries?: number
}

export interface CareOptions {
  /** The server to ask next; none, while there is none. */
  readonly server: () => string | undefined
  readonly log: ClientLog
  /** When what is still under way has to have been answered, in ms of `performance.now`. */
  readonly deadline?: () => number
  /** Statuses after which it asks again, where these are not all that are right there. */
  readonly open?: readonly number[] | undefined
}

const AGAIN_AFTER_MS = 50

/**
 * Does what a careful client does: sends again under its key, changes only the version that it has seen, asks again where
 * an answer was lost, and notes what it was told.
 */
export class CarefulClient {
  readonly #server: CareOptions['server']
  readonly #log: ClientLog
  readonly #deadline: () => number
  readonly #open: readonly number[] | undefined

  constructor({ server, log, deadline = () => Number.POSITIVE_INFINITY, open }: CareOptions) {
    this.#open = open
    this.#server = server
    this.#log = log
    this.#deadline = deadline
  }

  /** @returns nothing, where it was refused or nobody knows. */
  async upload(sending: Sending): Promise<KnownMedia | undefined> {
    const { bytes, key, title, pause, tries = key === undefined ? 1 : Number.POSITIVE_INFINITY } = sending
    const digest = sha256(bytes)
    const upload = this.#log.sends(digest, title, key)
    const { answer } = await this.#ask(
      '/upload/',
      {
        method: 'POST',
        headers: {
          'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
          ...(key !== undefined && { 'Idempotency-Key': key }),
        },
        body: form(field('title', title), file(bytes)),
        ...(pause !== undefined && { pause }),
      },
      tries,
    )
    if (answer?.status === 201) {
      const media = jsonOf(answer)
      const id = String(media['id'])
      upload.ids.add(id)
      if (media['sha256'] !== digest) this.#wonder(`the upload of ${title}`, answer)
      return { id, sha256: digest, title, tag: answer.headers.etag ?? '' }
    }
    if (answer ? !isOpen(answer, this.#open) : tries === Number.POSITIVE_INFINITY)
      this.#wonder(`the upload of ${title}`, answer)
    // An error says that nothing was kept, unless it says that nobody knows; under a key, a try before may yet have been.
    if (answer && codeOf(answer) !== 'outcome-unknown' && key === undefined) upload.isRefused = true
    return undefined
  }

  async rename(media: KnownMedia, title: string): Promise<void> {
    this.#log.mayBeCalled(media.sha256, title)
    const headers = { 'Content-Type': 'application/json', 'If-Match': media.tag }
    const body = Buffer.from(JSON.stringify({ title }))
    const { answer, isRepeated } = await this.#ask(`/media/${media.id}/`, { method: 'PATCH', headers, body })
    // Nobody else changes it, so another version than was seen is that of a try whose answer was lost.
    const wasDone = answer?.status === 412 && isRepeated
    const now = wasDone ? (await this.#ask(`/media/${media.id}/`)).answer : answer
    if (now?.status !== 200 || jsonOf(now)['title'] !== title)
      return this.#wonder(`the change of ${media.id} to ${title}`, now)
    media.title = title
    media.tag = now.headers.etag ?? ''
    this.#log.isCalled(media.sha256, title)
  }

  async delete(media: KnownMedia): Promise<void> {
    this.#log.mayBeDeleted(media.sha256)
    const { answer, isRepeated } = await this.#ask(`/media/${media.id}/`, { method: 'DELETE' })
    const wasDone = answer?.status === 404 && isRepeated
    if (answer?.status !== 204 && !wasDone) return this.#wonder(`the deletion of ${media.id}`, answer)
    this.#log.isDeleted(media.sha256)
    const { answer: seen } = await this.#ask(`/media/${media.id}/`)
    if (seen?.status !== 404) this.#wonder(`a look for the deleted ${media.id}`, seen)
  }

  async read(media: KnownMedia): Promise<void> {
    const { answer } = await this.#ask(`/media/${media.id}/content/`)
    const content = await follow(answer)
    if (content?.status !== 200 || sha256(content.body) !== media.sha256) this.#wonder(`a read of ${media.id}`, content)
  }

  #wonder(what: string, answer: Answer | undefined): void {
    const told = answer ? `${answer.status}: ${answer.body.toString('utf8', 0, 300)}` : 'nothing in time'
    this.#log.wonders.push(`${what} was answered with ${told}`)
  }

  /** Asks one server after the other until one gives an answer that decides, so often at most. */
  async #ask(path: string, asking: ReadOptions = {}, tries = Number.POSITIVE_INFINITY): Promise<Asked> {
    let tried = 0
    let isRepeated = false
    for (; performance.now() < this.#deadline(); await setTimeout(AGAIN_AFTER_MS)) {
      const server = this.#server()
      if (server === undefined) continue
      const answer = await ask(server + path, asking)
      if (++tried === tries || !isOpen(answer, this.#open)) return { answer, isRepeated }
      isRepeated = true
    }
    return { answer: undefined, isRepeated }
  }
}

interface Asked {
  /** Nothing, where the connection broke at the last try or none was left. */
  readonly answer: Answer | undefined
  /** Whether a try before may have been heard. */
  readonly isRepeated: boolean
}

/** After these it is asked again: nothing was decided, or somebody else is at it. */
const OPEN = [409, 502, 503, 504]
export const isOpen = (answer: Answer | undefined, open: readonly number[] = OPEN): boolean =>
  !answer || open.includes(answer.status)

const codeOf = (answer: Answer): string | undefined => String(jsonOf(answer)['type']).split('/').at(-1)
