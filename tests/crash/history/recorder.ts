import { setTimeout } from 'node:timers/promises'
import { BOUNDARY, field, file, form } from '../../e2e/multipart.ts'
import { sha256 } from '../../samples.ts'
import { type Answer, ask, jsonOf, type ReadOptions } from '../ask.ts'
import { isOpen } from '../careful-client.ts'
import type { History, Item, Operation } from './log.ts'

/** A server that was stopped says nothing, and there is another. */
const PATIENCE_MS = 1500
/** Before somebody asks again while no server listens. */
const NOBODY_MS = 20
const PAGE = 100

/** Does what clients ask of it, once each, and notes when it was called, when it returned, and what it was told. */
export class Recorder implements History {
  readonly operations: Operation[] = []
  readonly completeFrom = new Map<string, number>()
  readonly #server: () => string | undefined
  /** From now on nothing may be old any more. */
  isSettled = false

  constructor(server: () => string | undefined) {
    this.#server = server
  }

  /** Of those that were answered. */
  get answered(): number {
    return this.operations.filter(({ status }) => status !== undefined).length
  }

  /** Once, or again under its key until that is decided. @returns the id. */
  async upload(client: number, bytes: Buffer, title: string, options: { pause: number; isOver: () => boolean }) {
    const digest = sha256(bytes)
    const { pause, isOver } = options
    const headers = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, 'Idempotency-Key': title }
    const onLast = () => {
      if (!this.completeFrom.has(digest)) this.completeFrom.set(digest, performance.now())
    }
    const body = form(field('title', title), file(bytes))
    const asking = { method: 'POST', headers, body, pause, onLast, patience: 10_000 }
    const called = performance.now()
    let answer: Answer | undefined
    do answer = await this.#ask('/upload/', asking)
    while (isOpen(answer) && !isOver())
    const media = answer?.status === 201 ? shown(answer) : undefined
    // What was not decided may yet be.
    const told = outcome(isOpen(answer) ? undefined : answer)
    this.#note({ what: 'upload', client, called, ...told, ...media, asked: title, sha256: digest })
    return media?.id
  }

  read(client: number, id: string): Promise<void> {
    return this.#do('read', client, id, `/media/${id}/`, {}, shown)
  }

  metadata(client: number, id: string): Promise<void> {
    return this.#do('metadata', client, id, `/media/${id}/metadata/`)
  }

  title(client: number, id: string): Promise<void> {
    return this.#do('title', client, id, `/media/${id}/title/`, {}, (answer) => ({ title: shown(answer).title }))
  }

  content(client: number, id: string): Promise<void> {
    return this.#do('content', client, id, `/media/${id}/content/`, {}, ({ body }) => ({ sha256: sha256(body) }))
  }

  rename(client: number, id: string, asked: string): Promise<void> {
    const headers = { 'Content-Type': 'application/json' }
    const body = Buffer.from(JSON.stringify({ title: asked }))
    return this.#do('rename', client, id, `/media/${id}/`, { method: 'PATCH', headers, body }, shown, { asked })
  }

  delete(client: number, id: string): Promise<void> {
    return this.#do('delete', client, id, `/media/${id}/`, { method: 'DELETE' }, () => ({}))
  }

  /** The newest of all. */
  list(client: number): Promise<void> {
    return this.#do('list', client, undefined, `/media/?limit=${PAGE}`, {}, (answer) => {
      const { items, next } = jsonOf(answer) as { items: Item[]; next: string | null }
      return { items, isWhole: next === null }
    })
  }

  async #do(
    what: Operation['what'],
    client: number,
    id: string | undefined,
    path: string,
    asking: ReadOptions = {},
    see: (answer: Answer) => Partial<Operation> = () => ({}),
    more: Partial<Operation> = {},
  ): Promise<void> {
    const called = performance.now()
    const answer = await this.#ask(path, asking)
    const isSuccess = answer !== undefined && answer.status < 300
    this.#note({
      what,
      client,
      called,
      id,
      ...outcome(answer),
      ...more,
      ...(isSuccess && { ...see(answer), ...(id !== undefined && { id }) }),
    })
  }

  #note(operation: Operation): void {
    this.operations.push({ ...operation, isSettled: this.isSettled })
  }

  async #ask(path: string, asking: ReadOptions): Promise<Answer | undefined> {
    const server = this.#server()
    if (server !== undefined) return ask(server + path, { patience: PATIENCE_MS, ...asking })
    await setTimeout(NOBODY_MS)
    return undefined
  }
}

const outcome = (answer: Answer | undefined): Pick<Operation, 'returned' | 'status'> =>
  answer
    ? { returned: performance.now(), status: answer.status }
    : { returned: Number.POSITIVE_INFINITY, status: undefined }

/** A media as the API shows it. */
function shown(answer: Answer): { id: string; version: number; title: string; sha256: string } {
  const { id, version, title, sha256: digest } = jsonOf(answer)
  return { id: String(id), version: Number(version), title: String(title), sha256: String(digest) }
}
