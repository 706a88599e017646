import { createHash, randomBytes } from 'node:crypto'
import { JPEG, noise } from '../samples.ts'
import type { Target } from './targets.ts'

const PIECE = 1024 * 1024
const NOISE = noise(PIECE, 'bench')
const BOUNDARY = 'bench-boundary-7d1c0a53'
const MULTIPART_HEAD = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
)
const MULTIPART_TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
const NONE = Buffer.alloc(0)

/** Makes the files of one process differ from those of another. */
const RUN = randomBytes(4)

/**
 * Requests that upload a picture of `size` bytes: a small JPEG and noise, which differs in 8 bytes for each nonce. One
 * request at a time may use it, as the bytes are patched in place.
 */
export class Payload {
  readonly size: number
  readonly #first: Buffer
  readonly #fileAt: number
  readonly #tail: Buffer
  readonly #start: Buffer

  /** @param start the first bytes of the file, a picture. */
  constructor(form: Target['form'], size: number, start: Buffer = JPEG) {
    this.size = size
    this.#start = start
    const [before, after] = form === 'multipart' ? [MULTIPART_HEAD, MULTIPART_TAIL] : [NONE, NONE]
    const head = Buffer.from(headOf(form, size, before.length + size + after.length))
    const file = Buffer.concat([start, NOISE.subarray(start.length)]).subarray(0, Math.min(size, PIECE))
    this.#tail = after
    this.#first = Buffer.concat([head, before, file, size <= PIECE ? after : NONE])
    this.#fileAt = head.length + before.length
  }

  /** What is written to the socket, in this order. */
  *request(nonce: number): Generator<Buffer, void, undefined> {
    this.#patch(nonce)
    yield this.#first
    if (this.size <= PIECE) return
    for (let left = this.size - PIECE; left > 0; left -= PIECE) yield NOISE.subarray(0, Math.min(left, PIECE))
    if (this.#tail.length > 0) yield this.#tail
  }

  /** The digest of the file that was sent with this nonce. */
  sha256(nonce: number): string {
    this.#patch(nonce)
    const hash = createHash('sha256')
    hash.update(this.#first.subarray(this.#fileAt, this.#fileAt + Math.min(this.size, PIECE)))
    for (let left = this.size - PIECE; left > 0; left -= PIECE) hash.update(NOISE.subarray(0, Math.min(left, PIECE)))
    return hash.digest('hex')
  }

  #patch(nonce: number): void {
    const at = this.#fileAt + this.#start.length
    RUN.copy(this.#first, at)
    this.#first.writeUInt32BE(nonce, at + RUN.length)
  }
}

function headOf(form: Target['form'], size: number, length: number): string {
  const type = {
    raw: 'image/jpeg',
    multipart: `multipart/form-data; boundary=${BOUNDARY}`,
    tus: 'application/offset+octet-stream',
  }[form]
  const tus = form === 'tus' ? `Tus-Resumable: 1.0.0\r\nUpload-Length: ${size}\r\n` : ''
  return `POST /upload/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${tus}\r\n`
}
