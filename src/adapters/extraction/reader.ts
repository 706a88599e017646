import type { ChildProcess } from 'node:child_process'
import { err, ok, type Result } from 'neverthrow'
import type { FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { BLOCK_BYTES } from './byte-source.ts'
import type { MessageToChild, MessageToParent } from './messages.ts'
import { startChild } from './sandbox.ts'

/** A child is replaced after this many files, so that its CPU time limit does not end a harmless file. */
const FILES_PER_CHILD = 1000
const failedMetadata = (reason: string): Metadata => ({ status: 'failed', reason, tags: {} })

/**
 * Reads one file at a time in a child process. The child starts with the first file. If a file takes too much time or
 * memory, the child is killed, and the next file starts a new one.
 */
export class Reader {
  #child: Promise<ChildProcess> | undefined
  #files = 0
  #isClosed = false
  readonly #timeoutMs: number
  /** Also called when the system or another process ends the child, even if it is idle. */
  readonly #dropChild = (): void => {
    this.#child = undefined
  }

  /** @param timeoutMs How long the child may work on one file, without the time to read its bytes. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /**
   * Reads the metadata of a file. Must not be called again before the promise has settled. Rejects if no child can be
   * started.
   */
  async describe<E>(file: FileToRead<E>): Promise<Result<Metadata, E>> {
    // Start the child before opening the file: without a child the file cannot be read.
    await (this.#child ??= this.#start())
    const first = await file.read({ start: 0, end: Math.min(file.size, BLOCK_BYTES) - 1 })
    if (first.isErr()) return err(first.error)
    for (let canRetry = true; !this.#isClosed; canRetry = false) {
      this.#child ??= this.#start()
      const child = await this.#child
      ref(child)
      const outcome = await exchange(child, ++this.#files, file, first.value, this.#timeoutMs)
      unref(child)
      if (!outcome.isReusable || this.#files >= FILES_PER_CHILD) {
        child.off('exit', this.#dropChild)
        this.#dropChild()
        child.kill('SIGKILL')
      }
      // A child may have died before it received this file. Retry once with a new one.
      if (outcome.hasStarted || !canRetry) return outcome.result
    }
    return ok(failedMetadata('The reader was closed before it had read the file.'))
  }

  /** Kills the child. A file that is being read gets the status `failed`. */
  async close(): Promise<void> {
    this.#isClosed = true
    const child = await this.#child?.catch(() => undefined)
    child?.kill('SIGKILL')
  }

  /** If the child does not start, the next file tries again. */
  async #start(): Promise<ChildProcess> {
    this.#files = 0
    try {
      return (await startChild()).once('exit', this.#dropChild)
    } catch (error) {
      this.#dropChild()
      throw error
    }
  }
}

interface Outcome<E> {
  readonly result: Result<Metadata, E>
  /** Whether the child has finished this file and can read the next one. */
  readonly isReusable: boolean
  /** Whether the child has answered, or the time for this file is over. */
  readonly hasStarted: boolean
}

/** Sends a file to the child, then each range that it requests. Resolves with the metadata, or when the child exits. */
function exchange<E>(
  child: ChildProcess,
  fileNumber: number,
  file: FileToRead<E>,
  first: Uint8Array,
  timeoutMs: number,
): Promise<Outcome<E>> {
  return new Promise((resolve) => {
    let remainingMs = timeoutMs
    let resumedAt = performance.now()
    let pendingReads = 0
    let hasStarted = false
    const settle = (result: Result<Metadata, E>, isReusable = false): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve({ result, isReusable, hasStarted })
    }
    const onTimeout = () => {
      hasStarted = true
      settle(ok(failedMetadata(`The file could not be read within ${timeoutMs / 1000} s.`)))
    }
    let timer = setTimeout(onTimeout, remainingMs)
    const onExit = () =>
      settle(ok(failedMetadata('Reading the file took more than 512 MiB of memory or crashed the reader.')))
    const onMessage = (message: MessageToParent): void => {
      if (message.type === 'ready' || message.file !== fileNumber) return
      hasStarted = true
      if (message.type === 'described') settle(ok(message.metadata), true)
      if (message.type === 'read') void sendBytes(message)
    }
    const sendBytes = async ({ start, end }: Extract<MessageToParent, { type: 'read' }>): Promise<void> => {
      // The time limit does not include the time in which the storage reads.
      if (pendingReads++ === 0) {
        clearTimeout(timer)
        remainingMs -= performance.now() - resumedAt
      }
      const bytes = await file.read({ start, end })
      if (--pendingReads === 0) {
        resumedAt = performance.now()
        timer = setTimeout(onTimeout, remainingMs)
      }
      if (bytes.isErr()) return settle(err(bytes.error))
      send(child, { type: 'bytes', file: fileNumber, start, bytes: bytes.value })
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
    send(child, { type: 'describe', file: fileNumber, contentType: file.contentType, size: file.size, first })
  })
}

/** Ignores errors: if the child has died, its `exit` event reports it. */
function send(child: ChildProcess, message: MessageToChild): void {
  child.send(message, () => {})
}

/** Keeps this process running while the child reads a file. An idle child does not keep it running. */
function ref(child: ChildProcess): void {
  child.ref()
  child.channel?.ref()
}

function unref(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}
