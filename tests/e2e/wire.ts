import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

export interface Answer {
  readonly status: number
  /** By name in lower case. The values of a repeated header are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The statuses of the interim answers (1xx) before this one. */
  readonly interim: readonly number[]
}

/** The body of the answer as JSON. */
export const json = ({ body }: Answer) => JSON.parse(body.toString())

/** Much, because a server that waits for a slow disk before it answers discards bytes at the speed of memory. */
const MAX_SENT_BYTES = 1024 * 1024 * 1024

/** A TCP connection to a server. It sends any bytes, also those that no correct HTTP client would send. */
export class Wire {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #changed = Promise.withResolvers<void>()

  constructor(port: number) {
    const change = (bytes?: Buffer) => {
      if (bytes) this.#received = Buffer.concat([this.#received, bytes])
      else this.#ended = true
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('data', change)
    // A server may close with a reset. The bytes before it count.
    for (const event of ['error', 'end', 'close']) this.#socket.on(event, () => change())
  }

  /** The local port. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  /** The number of bytes passed to `send`. */
  get sent(): number {
    return this.#socket.bytesWritten
  }

  /** Resolves when the kernel has accepted the bytes. */
  async send(bytes: string | Uint8Array): Promise<this> {
    await new Promise<unknown>((resolve) => this.#socket.write(bytes, resolve))
    return this
  }

  /**
   * Sends `chunk` repeatedly until the server answers or closes the connection.
   * @returns `false` if it did neither within 1 GiB.
   */
  async sendUntilAnswered(chunk: Uint8Array): Promise<boolean> {
    while (!this.#ended && this.#received.length === 0) {
      if (this.sent > MAX_SENT_BYTES) return false
      await this.send(chunk)
      // If the kernel accepts everything at once, only this lets the server run, which is in the same process.
      await setImmediate()
    }
    return true
  }

  /** Ends the sending side. The answer can still be received. */
  finish(): this {
    this.#socket.end()
    return this
  }

  /** Closes the connection immediately. */
  leave(): void {
    this.#socket.destroy()
  }

  /** Closes the connection with a reset (RST). Bytes that are still in transit are lost. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** Returns the next answer. Throws if the connection closes before its end. Set `toHead` for an answer to HEAD. */
  async answer({ toHead = false } = {}): Promise<Answer> {
    const interim: number[] = []
    let head = await this.#head()
    for (; head.status < 200; head = await this.#head()) interim.push(head.status)
    const hasBody = !toHead && head.status !== 204 && head.status !== 304
    return { ...head, body: hasBody ? await this.#body(head.headers) : Buffer.alloc(0), interim }
  }

  /** Returns the status of the next answer as soon as its head has arrived. Interim answers (1xx) count. */
  async status(): Promise<number> {
    return (await this.#head()).status
  }

  /** Waits until the server closes the connection. Returns the bytes that were received and not read. */
  async closed(): Promise<Buffer> {
    while (!this.#ended) await this.#changed.promise
    return this.#received
  }

  async #head(): Promise<Pick<Answer, 'status' | 'headers'>> {
    const text = (await this.#until('\r\n\r\n')).toString('latin1')
    const [, status, lines] = /^HTTP\/1\.1 (\d{3}) .*\r\n((?:[^:\s]+:.*\r\n)*)\r\n$/.exec(text) ?? []
    if (lines === undefined) throw new Error(`Not the head of an answer: ${JSON.stringify(text.slice(0, 200))}`)
    const headers = new Headers()
    for (const [, name = '', value = ''] of lines.matchAll(/(.+?): ?(.*)\r\n/g)) headers.append(name, value)
    return { status: Number(status), headers: Object.fromEntries(headers) }
  }

  async #body({ 'content-length': length, 'transfer-encoding': transfer }: Answer['headers']): Promise<Buffer> {
    if (length !== undefined) return this.#take(Number(length))
    if (transfer === undefined) return this.#take((await this.closed()).length)
    const chunks: Buffer[] = []
    for (;;) {
      const size = Number.parseInt((await this.#until('\r\n')).toString('latin1'), 16)
      const chunk = await this.#take(size + 2)
      if (size === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, size))
    }
  }

  async #until(delimiter: string): Promise<Buffer> {
    while (!this.#received.includes(delimiter)) await this.#more()
    return this.#take(this.#received.indexOf(delimiter) + delimiter.length)
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received.length < length) await this.#more()
    const bytes = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return bytes
  }

  async #more(): Promise<void> {
    if (!this.#ended) return this.#changed.promise
    throw new Error(`The connection was closed after ${JSON.stringify(this.#received.toString('latin1', 0, 200))}.`)
  }
}
