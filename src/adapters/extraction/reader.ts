import type { ChildProcess } from 'node:child_process'
import { err, ok, type Result } from 'neverthrow'
import type { FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { BLOCK } from './byte-source.ts'
import type { ToChild, ToParent } from './messages.ts'
import { startChild } from './sandbox.ts'

/** A child is replaced before its own time limit could hit a file that means no harm. */
const FILES_PER_CHILD = 1000
const failed = (reason: string): Metadata => ({ status: 'failed', reason, tags: {} })

/**
 * Reads one file at a time in a child process, which is ended when a file takes too much time or memory, or makes it
 * crash, and replaced with the next file. The child starts with the first file.
 */
export class Reader {
  #child: Promise<ChildProcess> | undefined
  #files = 0
  #isClosed = false
  readonly #patience: number
  /** Others, too, may end a child, also while it has nothing to do. */
  readonly #forget = (): void => {
    this.#child = undefined
  }

  /** @param patience how long a file may keep the child busy, not counting the time to read its bytes, in milliseconds. */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** Must not be called again before it has settled. */
  async describe<E>(file: FileToRead<E>): Promise<Result<Metadata, E>> {
    // Before the file is opened: without a child the file can't be read.
    await (this.#child ??= this.#start())
    const first = await file.read({ start: 0, end: Math.min(file.size, BLOCK) - 1 })
    if (first.isErr()) return err(first.error)
    for (let mayRepeat = true; !this.#isClosed; mayRepeat = false) {
      this.#child ??= this.#start()
      const child = await this.#child
      hold(child)
      const { result, isReusable, isBegun } = await talk(child, ++this.#files, file, first.value, this.#patience)
      release(child)
      if (!isReusable || this.#files >= FILES_PER_CHILD) {
        child.off('exit', this.#forget)
        this.#forget()
        child.kill('SIGKILL')
      }
      // A child whose end had not been told yet says nothing of this file.
      if (isBegun || !mayRepeat) return result
    }
    return ok(failed('the reader was stopped'))
  }

  /** Ends the child, and with it the file that it is reading. */
  async close(): Promise<void> {
    this.#isClosed = true
    const child = await this.#child?.catch(() => undefined)
    child?.kill('SIGKILL')
  }

  /** One that does not start is tried again with the next file. */
  async #start(): Promise<ChildProcess> {
    this.#files = 0
    try {
      return (await startChild()).once('exit', this.#forget)
    } catch (error) {
      this.#forget()
      throw error
    }
  }
}

interface Outcome<E> {
  readonly result: Result<Metadata, E>
  /** Whether the child has nothing more to do with this file. */
  readonly isReusable: boolean
  /** Whether it ever had. */
  readonly isBegun: boolean
}

/** Sends the child its `nth` file, gives it the bytes that it asks for, and waits for what it says, or for its end. */
function talk<E>(
  child: ChildProcess,
  nth: number,
  file: FileToRead<E>,
  first: Uint8Array,
  patience: number,
): Promise<Outcome<E>> {
  return new Promise((resolve) => {
    let left = patience
    let since = performance.now()
    let reading = 0
    let isBegun = false
    const end = (result: Result<Metadata, E>, isReusable = false): void => {
      clearTimeout(timer)
      child.off('message', hear)
      child.off('exit', crash)
      resolve({ result, isReusable, isBegun })
    }
    const tooLong = () => {
      isBegun = true
      end(ok(failed(`it took longer than ${patience / 1000} s to read`)))
    }
    let timer = setTimeout(tooLong, left)
    const crash = () => end(ok(failed('it took more than 512 MiB to read, or made its reader crash')))
    const hear = (message: ToParent): void => {
      if (message.type === 'ready' || message.file !== nth) return
      isBegun = true
      if (message.type === 'described') end(ok(message.metadata), true)
      if (message.type === 'read') void give(message)
    }
    const give = async ({ start, end: last }: Extract<ToParent, { type: 'read' }>): Promise<void> => {
      if (reading++ === 0) {
        clearTimeout(timer)
        left -= performance.now() - since
      }
      const bytes = await file.read({ start, end: last })
      if (--reading === 0) {
        since = performance.now()
        timer = setTimeout(tooLong, left)
      }
      if (bytes.isErr()) return end(err(bytes.error))
      send(child, { type: 'bytes', file: nth, start, bytes: bytes.value })
    }
    child.on('message', hear)
    child.on('exit', crash)
    send(child, { type: 'describe', file: nth, contentType: file.contentType, size: file.size, first })
  })
}

/** A child that is gone has said so by its exit. */
function send(child: ChildProcess, message: ToChild): void {
  child.send(message, () => {})
}

/** While it reads, the process stays for it; else the child alone keeps no process from ending. */
function hold(child: ChildProcess): void {
  child.ref()
  child.channel?.ref()
}

function release(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}
