import { setTimeout } from 'node:timers/promises'
import { field, file, form } from '../e2e/multipart.ts'
import { sha256 } from '../samples.ts'
import type { ClientLog } from './client-log.ts'
import {
  followRedirect,
  type HttpResponse,
  jsonOf,
  type RequestOptions,
  sendRequest,
  titleChange,
  uploadRequest,
} from './http-client.ts'

/** A media item as the client knows it. */
export interface KnownMedia {
  readonly id: string
  readonly sha256: string
  title: string
  /** The last known ETag. */
  tag: string
}

export interface Sending {
  readonly bytes: Buffer
  /** With a key the upload is repeated until it succeeds. Without a key it is sent once. */
  readonly key?: string | undefined
  readonly title: string
  /** The time between two chunks of 64 KiB. */
  readonly pauseMs?: number
  /** The maximum number of tries. */
  readonly tries?: number
}

export interface CareOptions {
  /** The address of the server for the next request, or undefined while no server runs. */
  readonly server: () => string | undefined
  readonly log: ClientLog
  /** When all requests must be finished, in milliseconds of `performance.now()`. */
  readonly deadline?: () => number
  /** The statuses after which a request is repeated. */
  readonly open?: readonly number[] | undefined
}

const RETRY_MS = 50

/**
 * Does what a careful client does: repeats uploads with their key, changes only the version that it has read, repeats a
 * request whose response was lost, and records every response.
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

  /** @returns Undefined if the upload was refused or its outcome is not known. */
  async upload(request: Sending): Promise<KnownMedia | undefined> {
    const { bytes, key, title, pauseMs, tries = key === undefined ? 1 : Number.POSITIVE_INFINITY } = request
    const digest = sha256(bytes)
    const upload = this.#log.uploadSent(digest, title, key)
    const { answer } = await this.#sendRequest(
      '/upload/',
      { ...uploadRequest(form(field('title', title), file(bytes)), key), ...(pauseMs !== undefined && { pauseMs }) },
      tries,
    )
    if (answer?.status === 201) {
      const media = jsonOf(answer)
      const id = String(media['id'])
      upload.ids.add(id)
      if (media['sha256'] !== digest) this.#reportUnexpected(`the upload of ${title}`, answer)
      return { id, sha256: digest, title, tag: answer.headers.etag ?? '' }
    }
    if (answer ? !isOpen(answer, this.#open) : tries === Number.POSITIVE_INFINITY)
      this.#reportUnexpected(`the upload of ${title}`, answer)
    // An error means that nothing was stored, except `outcome-unknown`. With a key, the outcome of an earlier try is
    // not known.
    if (answer && codeOf(answer) !== 'outcome-unknown' && key === undefined) upload.isRefused = true
    return undefined
  }

  async rename(media: KnownMedia, title: string): Promise<void> {
    this.#log.renameSent(media.sha256, title)
    const change = titleChange(title, { 'If-Match': media.tag })
    const { answer, isRepeated } = await this.#sendRequest(`/media/${media.id}/`, change)
    // Only this client changes it. A newer version is the result of a try whose response was lost.
    const wasDone = answer?.status === 412 && isRepeated
    const now = wasDone ? (await this.#sendRequest(`/media/${media.id}/`)).answer : answer
    if (now?.status !== 200 || jsonOf(now)['title'] !== title)
      return this.#reportUnexpected(`the change of ${media.id} to ${title}`, now)
    media.title = title
    media.tag = now.headers.etag ?? ''
    this.#log.renameAcknowledged(media.sha256, title)
  }

  async delete(media: KnownMedia): Promise<void> {
    this.#log.deletionSent(media.sha256)
    const { answer, isRepeated } = await this.#sendRequest(`/media/${media.id}/`, { method: 'DELETE' })
    const wasDone = answer?.status === 404 && isRepeated
    if (answer?.status !== 204 && !wasDone) return this.#reportUnexpected(`the deletion of ${media.id}`, answer)
    this.#log.deletionAcknowledged(media.sha256)
    const { answer: read } = await this.#sendRequest(`/media/${media.id}/`)
    if (read?.status !== 404) this.#reportUnexpected(`a read of the deleted ${media.id}`, read)
  }

  async read(media: KnownMedia): Promise<void> {
    const { answer } = await this.#sendRequest(`/media/${media.id}/content/`)
    const content = await followRedirect(answer)
    if (content?.status !== 200 || sha256(content.body) !== media.sha256)
      this.#reportUnexpected(`a read of ${media.id}`, content)
  }

  #reportUnexpected(what: string, answer: HttpResponse | undefined): void {
    const response = answer ? `${answer.status}: ${answer.body.toString('utf8', 0, 300)}` : 'no response'
    this.#log.unexpected.push(`${what}: ${response}`)
  }

  /** Sends the request to one server after the other until the outcome is decided or `tries` is reached. */
  async #sendRequest(path: string, options: RequestOptions = {}, tries = Number.POSITIVE_INFINITY): Promise<Outcome> {
    let count = 0
    let isRepeated = false
    for (; performance.now() < this.#deadline(); await setTimeout(RETRY_MS)) {
      const server = this.#server()
      if (server === undefined) continue
      const answer = await sendRequest(server + path, options)
      if (++count === tries || !isOpen(answer, this.#open)) return { answer, isRepeated }
      isRepeated = true
    }
    return { answer: undefined, isRepeated }
  }
}

interface Outcome {
  /** Undefined if the connection failed at the last try or no server was left. */
  readonly answer: HttpResponse | undefined
  /** Whether an earlier try may have had an effect. */
  readonly isRepeated: boolean
}

/** After these statuses the request is repeated: nothing was decided, or another upload with the key is in progress. */
const OPEN = [409, 502, 503, 504]
export const isOpen = (answer: HttpResponse | undefined, open: readonly number[] = OPEN): boolean =>
  !answer || open.includes(answer.status)

const codeOf = (answer: HttpResponse): string | undefined => String(jsonOf(answer)['type']).split('/').at(-1)
