import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

export interface Answer {
  readonly status: number
  /** By lower-case name; lines of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Statuses of the interim answers (1xx) that came before. */
  readonly interim: readonly number[]
  /** From the connection's begin to the answer's end; for a person to look at, no test decides by it. */
  readonly milliseconds: number
}

const HEAD_END = Buffer.from('\r\n\r\n')
/** While what had begun is put away, which a slow disk may take long for, what comes is passed over at the speed of memory. */
const MOST = 1024 * 1024 * 1024

/** One TCP connection, byte by byte: for what no well-behaved client would send. */
export class Wire {
  /** Bytes handed to the kernel or waiting for it. */
  sent = 0
  readonly #socket: Socket
  readonly #began = performance.now()
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
    // A reset is one way for the server to close; what was received before it counts.
    this.#socket.on('error', end).on('end', end).on('close', end)
  }

  /** Of this side. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  /** Settles when the kernel has taken the bytes. */
  async send(bytes: string | Uint8Array): Promise<this> {
    const written = Promise.withResolvers<void>()
    this.#socket.write(bytes, () => written.resolve())
    this.sent += bytes.length
    await written.promise
    return this
  }

  /**
   * Sends `chunk` again and again until an answer begins or the connection ends.
   * @returns whether that happened while bytes were still being sent; false after 1 GiB.
   */
  async sendUntilAnswered(chunk: Uint8Array): Promise<boolean> {
    while (!this.#ended && this.#received.length === 0) {
      if (this.sent > MOST) return false
      await this.send(chunk)
      // The kernel may take it at once, and then nothing would let this process's server run.
      await setImmediate()
    }
    return true
  }

  /** Says that nothing more is coming, and still listens. */
  finish(): this {
    this.#socket.end()
    return this
  }

  /** Is gone at once, in the middle of whatever it was. */
  leave(): void {
    this.#socket.destroy()
  }

  /** The same with a reset, whatever is still on its way. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** The next answer, which must have the length it says. An answer to HEAD has no body. */
  async answer({ toHead = false } = {}): Promise<Answer> {
    const interim: number[] = []
    for (;;) {
      const { status, headers } = parseHead(await this.#until(HEAD_END))
      if (status < 200) {
        interim.push(status)
        continue
      }
      const body = toHead || status === 204 || status === 304 ? Buffer.alloc(0) : await this.#body(headers)
      return { status, headers, body, interim, milliseconds: Math.round(performance.now() - this.#began) }
    }
  }

  /** The status of the next answer, an interim one too, as soon as its head is there. */
  async status(): Promise<number> {
    return parseHead(await this.#until(HEAD_END)).status
  }

  /** Settles when the server has closed the connection; gives what came and was not asked for. */
  async closed(): Promise<Buffer> {
    while (!this.#ended) await this.#change()
    return this.#received
  }

  async #body(headers: Answer['headers']): Promise<Buffer> {
    const { 'content-length': length, 'transfer-encoding': transfer } = headers
    if (length !== undefined) return this.#take(Number(length))
    if (transfer === undefined) return this.#take((await this.closed()).length)
    const chunks: Buffer[] = []
    for (;;) {
      const size = Number.parseInt((await this.#until(HEAD_END.subarray(2))).toString('latin1'), 16)
      const chunk = await this.#take(size + 2)
      if (size === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, size))
    }
  }

  async #until(mark: Buffer): Promise<Buffer> {
    while (!this.#received.includes(mark)) await this.#more()
    return this.#take(this.#received.indexOf(mark) + mark.length)
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received.length < length) await this.#more()
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }

  async #more(): Promise<void> {
    if (this.#ended)
      throw new Error(`closed after ${JSON.stringify(this.#received.subarray(0, 200).toString('latin1'))}`)
    await this.#change()
  }

  #change(): Promise<void> {
    return this.#changed.promise
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

function parseHead(bytes: Buffer): { status: number; headers: Record<string, string> } {
  const [statusLine = '', ...lines] = bytes.toString('latin1').trimEnd().split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
  if (status === undefined) throw new Error(`no HTTP: ${statusLine.slice(0, 200)}`)
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+): ?(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`no header line: ${line.slice(0, 200)}`)
    const lower = name.toLowerCase()
    headers[lower] = lower in headers ? `${headers[lower]}, ${value}` : value
  }
  return { status: Number(status), headers }
}
