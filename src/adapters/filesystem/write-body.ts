import type { PutHints } from '../../application/ports/file-storage.ts'

/**
 * The size of one write. The bytes of the next write are collected while one is in progress. Smaller writes make a
 * single upload slower; larger ones do not make it faster.
 */
const WRITE_BYTES = 512 * 1024

/** The method of `FileHandle` that `writeBody` uses. */
export interface Writer {
  writev(chunks: readonly Uint8Array[]): Promise<{ bytesWritten: number }>
}

/** The body threw. `cause` is what it threw. */
export class BodyError extends Error {}

/**
 * Appends `body` to `file`. One piece is written while the next one is collected. Throws `BodyError`, the reason of
 * `signal`, or the error of the file, whichever comes first. No write is in progress after the promise has settled.
 *
 * @returns The number of bytes.
 */
export async function writeBody(
  file: Writer,
  body: AsyncIterable<Uint8Array>,
  { signal, ownsChunks = false }: Pick<PutHints, 'signal' | 'ownsChunks'>,
): Promise<number> {
  const source = body[Symbol.asyncIterator]()
  let size = 0
  let piece: Uint8Array[] = []
  let pieceBytes = 0
  let writing: Promise<void> = Promise.resolve()
  let interrupt: ((cause: unknown) => void) | undefined
  const onAbort = () => interrupt?.(signal.reason)

  // `Promise.race` with one long-lived promise would keep every chunk in memory.
  const read = (): Promise<IteratorResult<Uint8Array, unknown>> =>
    new Promise((resolve, reject) => {
      interrupt = reject
      signal.throwIfAborted()
      source.next().then(resolve, (cause: unknown) => reject(new BodyError('The body could not be read.', { cause })))
    })

  const write = async (chunks: readonly Uint8Array[], length: number): Promise<void> => {
    await writeAll(file, chunks, length)
    if (ownsChunks) chunks.forEach(free)
  }

  signal.addEventListener('abort', onAbort)
  try {
    for (let next = await read(); !next.done; next = await read()) {
      if (next.value.length === 0) continue
      piece.push(next.value)
      pieceBytes += next.value.length
      size += next.value.length
      if (pieceBytes < WRITE_BYTES) continue
      await writing
      writing = write(piece, pieceBytes)
      writing.catch((cause: unknown) => interrupt?.(cause))
      piece = []
      pieceBytes = 0
    }
    await writing
    if (pieceBytes > 0) await write(piece, pieceBytes)
    return size
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Not awaited, because a body that never answers must not delay the end of `put`.
    source.return?.().catch(() => undefined)
    await writing.catch(() => undefined)
  }
}

/**
 * Frees the memory of a chunk at once. Otherwise only a full garbage collection would free it, because chunks that wait
 * for a write outlive the young generation of V8. Does nothing if the chunk is only a part of its ArrayBuffer.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

/** Repeats the write until all bytes are written. The system may write fewer, for example at a limit of the disk. */
async function writeAll(file: Writer, chunks: readonly Uint8Array[], length: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks)
  if (bytesWritten < length) await writeAll(file, [Buffer.concat(chunks).subarray(bytesWritten)], length - bytesWritten)
}
