import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** HTTP/1.1 over one socket that is kept open, one request at a time; as little work per request as possible. */
export class Connection {
  readonly #port: number
  #socket: Socket | undefined
  #waiting: Waiting | undefined
  #head: string | undefined
  #chunks: Buffer[] = []
  #received = 0
  /** Of the body; absent with a chunked one. */
  #length: number | undefined

  constructor(port: number) {
    this.#port = port
  }

  get(path: string): Promise<Answer> {
    return this.send([Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)])
  }

  /** Writes the request as fast as the server reads it. Rejects when the connection ends before the answer. */
  async send(request: Iterable<Buffer>): Promise<Answer> {
    const socket = this.#socket ?? this.#open()
    this.#reset()
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    // An early answer, or an end, must not leave the loop below waiting for a socket that no one reads.
    const settled = answer.then(
      () => undefined,
      () => undefined,
    )
    for (const part of request) {
      if (this.#waiting === undefined) break
      if (!socket.write(part)) await Promise.race([drained(socket), settled])
    }
    return answer
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined
      this.#waiting?.reject(new Error('the connection ended before the answer'))
    })
    return socket
  }

  #reset(): void {
    this.#head = undefined
    this.#chunks = []
    this.#received = 0
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#received += chunk.length
    if (this.#head === undefined) {
      const bytes = Buffer.concat(this.#chunks)
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = bytes.toString('latin1', 0, end)
      this.#head = head
      this.#chunks = [bytes.subarray(end + 4)]
      this.#received = bytes.length - end - 4
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      this.#length = length === undefined ? undefined : Number(length)
    }
    if (this.#length === undefined ? this.#endsChunked() : this.#received >= this.#length) this.#settle(this.#head)
  }

  #endsChunked(): boolean {
    const body = Buffer.concat(this.#chunks)
    this.#chunks = [body]
    return body.toString('latin1', body.length - 7) === '\r\n0\r\n\r\n'
  }

  #settle(head: string): void {
    const body = Buffer.concat(this.#chunks)
    const waiting = this.#waiting
    this.#waiting = undefined
    if (/\r\nconnection: *close/i.test(head)) {
      this.#socket?.destroy()
      this.#socket = undefined
    }
    const isChunked = this.#length === undefined
    waiting?.resolve({ status: Number(head.slice(9, 12)), head, body: isChunked ? unchunked(body) : body })
  }
}

const drained = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('drain', resolve))

function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, line), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(body.subarray(line + 2, line + 2 + size))
    at = line + 4 + size
  }
}
