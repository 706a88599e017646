import { err, okAsync, type Result, ResultAsync } from 'neverthrow'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Details } from '../../src/application/upload/details.ts'
import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import { collect } from '../samples.ts'
import { LONG_PAUSE_MS } from './effects.ts'
import { chunksOfFile } from './sent-files.ts'
import type { World } from './world.ts'

const RETRY_MS = 250
const TIMEOUT_MS = 3_000
/** In addition to the duration of an upload. The client retries while a paused process still holds the first try. */
const UPLOAD_TIMEOUT_MS = 2_000

export interface UploadRequest {
  /** Different for every key, and for every upload without one. */
  readonly name: string
  readonly key?: string
  readonly details?: Details
  /** Whether the details are sent after the file. */
  readonly detailsAfterBody?: boolean
  /** The time between two chunks. */
  readonly paceMs?: number
  /** What happens before the last chunk: the sender disconnects, or the process of the first try dies or is paused. */
  readonly interruption?: 'disconnect' | 'kill' | 'pause'
}

/** An error of the use case or the connection: `reset` if the process died, `no-answer` after the timeout. */
export type Answer<T> = Result<T, { readonly type: string }>

/** Errors after which the outcome is not known, so that a careful client retries. */
const UNDECIDED = /^(reset|no-answer|unavailable|outcome-unknown|idempotency-in-progress|storage-error)$/
export const isUndecided = ({ type }: { readonly type: string }): boolean => UNDECIDED.test(type)

/** Sends a request to a process that answers, as over a network. */
export function send<T, E extends { readonly type: string }>(
  world: World,
  task: string,
  request: (mediaport: Mediaport) => PromiseLike<Result<T, E>>,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer<T>> {
  const process = world.front()
  return Promise.race<Answer<T>>([
    process.do(task, () => request(process.mediaport)),
    process.death.promise.then(() => err({ type: 'reset' })),
    world.clock.sleep(timeoutMs).then(() => err({ type: 'no-answer' })),
  ])
}

/** Repeats a request until its outcome is known. */
export async function untilDecided<T>(
  { clock }: World,
  send: () => Promise<Answer<T>>,
  maxTries = 120,
): Promise<Answer<T>> {
  for (let tries = 1; ; tries++) {
    const answer = await send()
    if (answer.isOk() || !isUndecided(answer.error) || tries === maxTries) return answer
    await clock.sleep(RETRY_MS)
  }
}

/** The request for all bytes of a media item. */
export const contentOf = (id: string) => (mediaport: Mediaport) =>
  mediaport
    .openContent(id, { owner: EVERYONE })
    .andThen(({ open }) => open())
    .andThen((body) => ResultAsync.fromPromise(collect(body), unavailable('storage')))

/** @returns A function that sends the upload once. Only its first call is interrupted. */
export function uploadOf(world: World, request: UploadRequest): () => Promise<Answer<Uploaded>> {
  const { name, key, details = {}, detailsAfterBody, paceMs = 0, interruption } = request
  let isInterrupted = interruption === undefined
  return async () => {
    let isAnswered = false
    const end = Promise.withResolvers<void>()
    async function* body(): AsyncGenerator<Uint8Array> {
      const process = world.front()
      const chunks = chunksOfFile(name)
      for (const chunk of chunks) {
        if (paceMs > 0) await world.clock.sleep(paceMs)
        if (chunk === chunks.at(-1) && !isInterrupted && !isAnswered) {
          isInterrupted = true
          if (interruption === 'disconnect') throw new Error('the sender disconnected')
          else if (interruption === 'kill') world.kill(process)
          else void world.pause(process, LONG_PAUSE_MS)
        }
        yield chunk
      }
      world.clock.at(paceMs, end.resolve)
    }
    const sent = detailsAfterBody ? new ResultAsync(end.promise.then(() => okAsync(details))) : details
    const upload = { owner: 'anonymous', filename: name, key, body: body(), details: sent }
    const timeoutMs = UPLOAD_TIMEOUT_MS + paceMs * 8
    const answer = await send(world, 'upload', (mediaport) => mediaport.uploadMedia(upload), timeoutMs)
    isAnswered = true
    return answer
  }
}
