import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout } from 'node:timers/promises'

/** A fault that occurs when a piece of data for the store contains `pattern`. */
export interface Trap {
  readonly pattern: string
  /** Whether the store receives the piece. The client never receives the reply. */
  readonly reaches: boolean
  /** Resets or silences the connection. With `all`, also every other connection, and those that are opened later. */
  readonly fate: 'cut' | 'hang' | 'cut all' | 'hang all'
}

interface Connection {
  readonly client: Socket
  readonly store: Socket | undefined
  isSilent: boolean
  /** Whether the connection is reset when the store sends a reply. */
  isCutOnReply: boolean
  bytesToStore: number
}

const NO_FAULTS = { newConnections: 'pass', delay: 0, cutAfter: Number.POSITIVE_INFINITY } as const

/** The time that a trap waits for its pattern. */
const TRAP_TIMEOUT_MS = 90_000

/** A TCP proxy between a process and a store that causes the faults of a network. */
export class FaultProxy {
  readonly port: number
  /** What happens to new connections: `hang` accepts them and never answers, `reset` resets them at once. */
  newConnections: 'pass' | 'hang' | 'reset' = NO_FAULTS.newConnections
  /** The delay of each piece in both directions, in milliseconds. */
  delay: number = NO_FAULTS.delay
  /** A connection is reset after it has sent this number of bytes to the store. */
  cutAfter: number = NO_FAULTS.cutAfter
  /** The number of connections that were opened. */
  count = 0
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #trap: (Trap & { readonly resolve: () => void }) | undefined

  private constructor(server: Server, target: number) {
    this.#server = server.on('connection', (client: Socket) => this.#accept(client, target))
    this.port = (server.address() as AddressInfo).port
  }

  /** @param target A port of this machine. */
  static async before(target: number): Promise<FaultProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new FaultProxy(server, target)
  }

  /** Returns `url` with the port of the proxy. */
  inFrontOf(url: string): string {
    return Object.assign(new URL(url), { port: String(this.port) }).href
  }

  /** Stops listening and resets all connections. */
  async refuse(): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    this.cut()
    await closed
  }

  /** Removes all faults for new connections. Silent connections stay silent. */
  async recover(): Promise<void> {
    Object.assign(this, NO_FAULTS)
    this.#trap = undefined
    if (!this.#server.listening) await once(this.#server.listen(this.port, '127.0.0.1'), 'listening')
  }

  /** Discards all further data of the current connections. Both ends see them as open. */
  silence(): void {
    for (const connection of this.#connections) connection.isSilent = true
  }

  cut(): void {
    for (const connection of this.#connections) cut(connection)
  }

  /** Resolves when the fault has occurred. Rejects if no piece contains the pattern within 90 s. */
  trap(trap: Trap): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#trap = { ...trap, resolve }
    const error = new Error(`${JSON.stringify(trap.pattern)} did not occur within ${TRAP_TIMEOUT_MS / 1000} s.`)
    void setTimeout(TRAP_TIMEOUT_MS, error, { ref: false }).then(reject)
    // The caller may not wait for the trap.
    promise.catch(() => undefined)
    return promise
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #accept(client: Socket, target: number): void {
    this.count++
    if (this.newConnections === 'reset') return void client.resetAndDestroy()
    const store =
      this.newConnections === 'pass'
        ? connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
        : undefined
    const connection: Connection = { client, store, isSilent: false, isCutOnReply: false, bytesToStore: 0 }
    this.#connections.add(connection)
    for (const end of [client, store]) end?.on('error', () => end.destroy()).on('close', () => this.#end(connection))
    if (!store) return
    client.pipe(this.#stream(connection, (piece) => this.#reachesStore(connection, piece))).pipe(store)
    store.pipe(this.#stream(connection, () => !connection.isCutOnReply || cut(connection))).pipe(client)
  }

  /** A silent connection stays open until both ends have closed it. */
  #end(connection: Connection): void {
    const { client, store, isSilent } = connection
    if (isSilent && store && !(client.closed && store.closed)) return
    this.#connections.delete(connection)
    client.destroy()
    store?.destroy()
  }

  #stream(connection: Connection, filter: (piece: Buffer) => boolean): Transform {
    // A silent connection stops reading, so that the buffers of its sender fill up.
    const unlessSilent = (done: () => void): void => (connection.isSilent ? undefined : done())
    const pass = async (piece: Buffer): Promise<void> => {
      if (this.delay > 0) await setTimeout(this.delay)
      if (!connection.isSilent && filter(piece)) stream.push(piece)
    }
    const stream = new Transform({
      transform: (piece: Buffer, _, done) => void pass(piece).finally(() => unlessSilent(done)),
      flush: unlessSilent,
    })
    return stream
  }

  /** Returns whether this piece reaches the store. */
  #reachesStore(connection: Connection, piece: Buffer): boolean {
    connection.bytesToStore += piece.length
    if (connection.bytesToStore > this.cutAfter) return cut(connection)
    const trap = this.#trap
    if (!trap || !piece.includes(trap.pattern)) return true
    this.#trap = undefined
    if (trap.fate.endsWith(' all')) this.newConnections = trap.fate === 'cut all' ? 'reset' : 'hang'
    if (trap.fate === 'hang all') this.silence()
    if (trap.fate === 'cut all') for (const other of this.#connections) if (other !== connection) cut(other)
    if (trap.fate.startsWith('hang')) connection.isSilent = true
    else connection.isCutOnReply = trap.reaches || cut(connection)
    trap.resolve()
    return trap.reaches
  }
}

function cut({ client, store }: Connection): false {
  client.resetAndDestroy()
  store?.resetAndDestroy()
  return false
}
