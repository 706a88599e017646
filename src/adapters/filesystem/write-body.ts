import type { PutHints } from '../../application/ports/file-storage.ts'

/**
 * Bytes that are gathered for one write, while as many are written. Smaller writes cost one upload more, larger ones do
 * not cost it less.
 */
const WRITE_BYTES = 512 * 1024

/** What is asked of a file that is written. */
export interface Writer {
  writev(chunks: readonly Uint8Array[]): Promise<{ bytesWritten: number }>
}

/** The body threw; `cause` is what it threw. */
export class BodyFailed extends Error {}

/**
 * Writes all of `body` to the end of `file`: a piece is written while the next one is gathered.
 * Throws a `BodyFailed`, the reason of `signal`, or what the file throws, as soon as one of them is known. No write is
 * under way any more when it settles.
 * @returns the number of bytes.
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

  // Not Promise.race with one long-lived promise: that would keep every chunk in memory.
  const read = (): Promise<IteratorResult<Uint8Array, unknown>> =>
    new Promise((resolve, reject) => {
      interrupt = reject
      signal.throwIfAborted()
      source.next().then(resolve, (cause: unknown) => reject(new BodyFailed('the body failed', { cause })))
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
    // Not awaited: a body that never answers must not keep the put from ending.
    source.return?.().catch(() => undefined)
    await writing.catch(() => undefined)
  }
}

/**
 * Returns the memory of a chunk at once. The garbage collector would need a full collection for it: chunks that wait for a
 * write outlive the young generation of V8. A chunk that shares its ArrayBuffer with other views is left alone.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

/** A system may write less than it was asked to, such as up to a limit of the disk. */
async function writeAll(file: Writer, chunks: readonly Uint8Array[], length: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks)
  if (bytesWritten < length) await writeAll(file, [Buffer.concat(chunks).subarray(bytesWritten)], length - bytesWritten)
}
