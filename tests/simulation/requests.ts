import { err, okAsync, type Result, ResultAsync } from 'neverthrow'
import type { ChangeOptions } from '../../src/application/library/change-media.ts'
import type { Page } from '../../src/application/library/list-media.ts'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Moved } from '../../src/application/upkeep/move-media.ts'
import type { Details } from '../../src/application/upload/details.ts'
import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { collect } from '../samples.ts'
import { LONG_PAUSE } from './faults.ts'
import { chunksOfFile } from './sent-files.ts'
import type { World } from './world.ts'

const PATIENCE = 3_000
/** Beside what an upload takes; so short that the client asks again while a paused process still holds the first try. */
const UPLOAD_PATIENCE = 2_000

export interface Sending {
  /** Different for every key, and for every upload without one. */
  readonly name: string
  readonly key?: string
  readonly details?: Details
  /** What is said about the file comes after it. */
  readonly saidAfterwards?: boolean
  /** Between two chunks, in ms. */
  readonly pace?: number
  /** Sends so many chunks and leaves. */
  readonly leavesAfter?: number
  /** The process dies when the first try has sent so many chunks. */
  readonly killsAfter?: number
  /** The process is paused for long when the first try has sent so many chunks. */
  readonly pausesAfter?: number
}

/** An error of the use case, or of the connection: `reset` by a process that died, or no answer in time. */
export type Answer<T> = Promise<Result<T, { readonly type: string }>>

/** Answers that leave open what happened, so that a careful client asks again. */
export const OPEN = new Set([
  'reset',
  'no-answer',
  'unavailable',
  'outcome-unknown',
  'idempotency-in-progress',
  'storage-error',
])

/** Whether the client still waits for the answer to one try. */
interface Waiting {
  isOver: boolean
}

/** Single requests to whichever process answers, as they would come over a network. */
export class Requests {
  readonly #world: World
  /** The uploads whose process was hurt already. */
  readonly #hurt = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  async upload(sending: Sending): Answer<Uploaded> {
    const { name, key, details = {}, saidAfterwards, pace = 0 } = sending
    const waiting: Waiting = { isOver: false }
    const said = saidAfterwards ? Promise.withResolvers<Details>() : undefined
    const answer = await this.#ask('upload', UPLOAD_PATIENCE + pace * 8, (mediaport) =>
      mediaport.uploadMedia({
        filename: name,
        key,
        body: this.#body(sending, waiting, () => said?.resolve(details)),
        details: said ? new ResultAsync(said.promise.then((given) => okAsync(given))) : details,
      }),
    )
    waiting.isOver = true
    return answer
  }

  get(id: string): Answer<Stored> {
    return this.#ask('get', PATIENCE, (mediaport) => mediaport.getMedia(id))
  }

  list(): Answer<Page> {
    return this.#ask('list', PATIENCE, (mediaport) => mediaport.listMedia())
  }

  read(id: string): Answer<Buffer> {
    return this.#ask('read', PATIENCE, (mediaport) =>
      mediaport
        .openContent(id)
        .andThen(({ open }) => open())
        .andThen((body) => ResultAsync.fromPromise(collect(body), unavailable('storage'))),
    )
  }

  rename(id: string, details: ChangeOptions): Answer<Stored> {
    return this.#ask('rename', PATIENCE, (mediaport) => mediaport.changeMedia(id, details))
  }

  move(from: string, to: string): Answer<Moved> {
    return this.#ask('move', PATIENCE, (mediaport) => mediaport.moveMedia({ from, to }))
  }

  delete(id: string): Answer<void> {
    return this.#ask('delete', PATIENCE, (mediaport) => mediaport.deleteMedia(id))
  }

  #ask<T, E extends { readonly type: string }>(
    task: string,
    patience: number,
    send: (mediaport: Mediaport) => PromiseLike<Result<T, E>>,
  ): Answer<T> {
    const { front, clock } = this.#world
    return Promise.race<Result<T, { readonly type: string }>>([
      front.do(task, () => send(front.mediaport)),
      front.death.promise.then(() => err({ type: 'reset' })),
      clock.sleep(patience).then(() => err({ type: 'no-answer' })),
    ])
  }

  async *#body(sending: Sending, waiting: Waiting, end: () => void): AsyncGenerator<Uint8Array> {
    const { name, pace = 0, leavesAfter, killsAfter, pausesAfter } = sending
    const { front: process, clock } = this.#world
    for (const [n, chunk] of chunksOfFile(name).entries()) {
      if (pace > 0) await clock.sleep(pace)
      if (n === leavesAfter) throw new Error('the sender left')
      if (n === (killsAfter ?? pausesAfter) && !this.#hurt.has(name) && !waiting.isOver) {
        this.#hurt.add(name)
        if (killsAfter === undefined) void process.pause(LONG_PAUSE)
        else this.#world.kill(process)
      }
      yield chunk
    }
    clock.at(pace, end)
  }
}
