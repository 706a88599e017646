import { err, okAsync, type Result, ResultAsync } from 'neverthrow'
import type { ChangeOptions } from '../../src/application/library/change-media.ts'
import type { Page } from '../../src/application/library/list-media.ts'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { MoveResult } from '../../src/application/upkeep/move-media.ts'
import type { Details } from '../../src/application/upload/details.ts'
import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { collect } from '../samples.ts'
import { LONG_PAUSE_MS } from './faults.ts'
import { chunksOfFile } from './sent-files.ts'
import type { World } from './world.ts'

const TIMEOUT_MS = 3_000
/**
 * In addition to the duration of an upload. So short that the client retries while a paused process still holds the
 * first try.
 */
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
  /** The number of chunks after which the sender disconnects. */
  readonly disconnectsAfter?: number
  /** The number of chunks of the first try after which the process dies. */
  readonly killsAfter?: number
  /** The number of chunks of the first try after which the process is paused. */
  readonly pausesAfter?: number
}

/** An error of the use case or the connection: `reset` if the process died, `no-answer` after the timeout. */
export type Answer<T> = Promise<Result<T, { readonly type: string }>>

/** Errors after which the outcome is not known, so that a careful client retries. */
export const UNDECIDED = new Set([
  'reset',
  'no-answer',
  'unavailable',
  'outcome-unknown',
  'idempotency-in-progress',
  'storage-error',
])

/** Whether the client has stopped waiting for the answer. */
interface TryState {
  isOver: boolean
}

/** Single requests to a process that answers, as over a network. */
export class Requests {
  readonly #world: World
  /** The uploads whose process was killed or paused. */
  readonly #disturbed = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  async upload(request: UploadRequest): Answer<Uploaded> {
    const { name, key, details = {}, detailsAfterBody, paceMs = 0 } = request
    const state: TryState = { isOver: false }
    const detailsAfter = detailsAfterBody ? Promise.withResolvers<Details>() : undefined
    const answer = await this.#send('upload', UPLOAD_TIMEOUT_MS + paceMs * 8, (mediaport) =>
      mediaport.uploadMedia({
        owner: 'anonymous',
        filename: name,
        key,
        body: this.#body(request, state, () => detailsAfter?.resolve(details)),
        details: detailsAfter ? new ResultAsync(detailsAfter.promise.then((value) => okAsync(value))) : details,
      }),
    )
    state.isOver = true
    return answer
  }

  get(id: string): Answer<Stored> {
    return this.#send('get', TIMEOUT_MS, (mediaport) => mediaport.getMedia(id, { owner: EVERYONE }))
  }

  list(): Answer<Page> {
    return this.#send('list', TIMEOUT_MS, (mediaport) => mediaport.listMedia({ owner: EVERYONE }))
  }

  read(id: string): Answer<Buffer> {
    return this.#send('read', TIMEOUT_MS, (mediaport) =>
      mediaport
        .openContent(id, { owner: EVERYONE })
        .andThen(({ open }) => open())
        .andThen((body) => ResultAsync.fromPromise(collect(body), unavailable('storage'))),
    )
  }

  rename(id: string, details: Partial<ChangeOptions>): Answer<Stored> {
    return this.#send('rename', TIMEOUT_MS, (mediaport) => mediaport.changeMedia(id, { owner: EVERYONE, ...details }))
  }

  move(from: string, to: string): Answer<MoveResult> {
    return this.#send('move', TIMEOUT_MS, (mediaport) => mediaport.moveMedia({ from, to }))
  }

  delete(id: string): Answer<void> {
    return this.#send('delete', TIMEOUT_MS, (mediaport) => mediaport.deleteMedia(id, { owner: EVERYONE }))
  }

  #send<T, E extends { readonly type: string }>(
    task: string,
    timeoutMs: number,
    send: (mediaport: Mediaport) => PromiseLike<Result<T, E>>,
  ): Answer<T> {
    const { front, clock } = this.#world
    return Promise.race<Result<T, { readonly type: string }>>([
      front.do(task, () => send(front.mediaport)),
      front.death.promise.then(() => err({ type: 'reset' })),
      clock.sleep(timeoutMs).then(() => err({ type: 'no-answer' })),
    ])
  }

  async *#body(request: UploadRequest, state: TryState, end: () => void): AsyncGenerator<Uint8Array> {
    const { name, paceMs = 0, disconnectsAfter, killsAfter, pausesAfter } = request
    const { front: process, clock } = this.#world
    for (const [n, chunk] of chunksOfFile(name).entries()) {
      if (paceMs > 0) await clock.sleep(paceMs)
      if (n === disconnectsAfter) throw new Error('the sender disconnected')
      if (n === (killsAfter ?? pausesAfter) && !this.#disturbed.has(name) && !state.isOver) {
        this.#disturbed.add(name)
        if (killsAfter === undefined) void process.pause(LONG_PAUSE_MS)
        else this.#world.kill(process)
      }
      yield chunk
    }
    clock.at(paceMs, end)
  }
}
