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

const LINE_END = Buffer.from('\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')
/** Much, because a server that waits for a slow disk before it answers discards bytes at the speed of memory. */
const MAX_SENT_BYTES = 1024 * 1024 * 1024

/** A TCP connection to a server. It sends any bytes, also those that no correct HTTP client would send. */
export class Wire {
  /** The number of bytes passed to `send`. */
  sent = 0
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #changed = Promise.withResolvers<void>()

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake()
    })
    const end = () => {
      this.#ended = true
      this.#wake()
    }
    // A server may close with a reset. The bytes before it count.
    this.#socket.on('error', end).on('end', end).on('close', end)
  }

  /** The local port. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  /** Resolves when the kernel has accepted the bytes. */
  async send(bytes: string | Uint8Array): Promise<this> {
    const written = Promise.withResolvers<void>()
    this.#socket.write(bytes, () => written.resolve())
    this.sent += bytes.length
    await written.promise
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
    for (;;) {
      const { status, headers } = parseHead(await this.#until(HEAD_END))
      if (status < 200) {
        interim.push(status)
        continue
      }
      const body = toHead || status === 204 || status === 304 ? Buffer.alloc(0) : await this.#body(headers)
      return { status, headers, body, interim }
    }
  }

  /** Returns the status of the next answer as soon as its head has arrived. Interim answers (1xx) count. */
  async status(): Promise<number> {
    return parseHead(await this.#until(HEAD_END)).status
  }

  /** Waits until the server closes the connection. Returns the bytes that were received and not read. */
  async closed(): Promise<Buffer> {
    while (!this.#ended) await this.#changed.promise
    return this.#received
  }

  async #body(headers: Answer['headers']): Promise<Buffer> {
    const { 'content-length': length, 'transfer-encoding': transfer } = headers
    if (length !== undefined) return this.#take(Number(length))
    if (transfer === undefined) return this.#take((await this.closed()).length)
    const chunks: Buffer[] = []
    for (;;) {
      const size = Number.parseInt((await this.#until(LINE_END)).toString('latin1'), 16)
      const chunk = await this.#take(size + LINE_END.length)
      if (size === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, size))
    }
  }

  async #until(delimiter: Buffer): Promise<Buffer> {
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
    if (this.#ended)
      throw new Error(`The connection was closed after ${excerpt(this.#received.toString('latin1', 0, 200))}.`)
    await this.#changed.promise
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

function parseHead(bytes: Buffer): { status: number; headers: Record<string, string> } {
  const [statusLine = '', ...lines] = bytes.toString('latin1').trimEnd().split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
  if (status === undefined) throw new Error(`Not a status line: ${excerpt(statusLine)}`)
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+): ?(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`Not a header line: ${excerpt(line)}`)
    const lower = name.toLowerCase()
    headers[lower] = lower in headers ? `${headers[lower]}, ${value}` : value
  }
  return { status: Number(status), headers }
}

const excerpt = (text: string): string => JSON.stringify(text.slice(0, 200))
