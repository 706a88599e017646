import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout } from 'node:timers/promises'

/** What happens when bytes with a pattern among them are on their way to the store. */
export interface Trap {
  readonly pattern: string
  /** Whether the store gets them; what it answers is kept from the caller in any case. */
  readonly reaches: boolean
  /** Resets the connection, or lets it fall silent; the same of all that there are and of those that come. */
  readonly fate: 'cut' | 'hang' | 'cut all' | 'hang all'
}

interface Connection {
  readonly near: Socket
  readonly far: Socket | undefined
  isSilent: boolean
  /** As soon as the store says something. */
  isToBeCut: boolean
  towardsStore: number
}

const SOUND = { newOnes: 'pass', delay: 0, pieces: 65_536, cutAfter: Number.POSITIVE_INFINITY } as const

/** How long a trap waits for its pattern. */
const PATIENCE_MS = 90_000

/** Stands between a server and a store, and fails as networks do. */
export class FaultProxy {
  readonly port: number
  /** What becomes of new connections: taken and never answered, or reset at once. */
  newOnes: 'pass' | 'hang' | 'reset' = SOUND.newOnes
  /** Each piece, either way, comes so much later, in milliseconds, and is at most so long, in bytes. */
  delay: number = SOUND.delay
  pieces: number = SOUND.pieces
  /** A connection is reset when it has brought the store so many bytes. */
  cutAfter: number = SOUND.cutAfter
  /** Of connections that have come. */
  count = 0
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #trap: (Trap & { readonly spring: () => void }) | undefined

  private constructor(server: Server, target: number) {
    this.#server = server.on('connection', (near: Socket) => this.#take(near, target))
    this.port = (server.address() as AddressInfo).port
  }

  /** @param target a port of this machine. */
  static async before(target: number): Promise<FaultProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new FaultProxy(server, target)
  }

  /** The address of the store, by way of this. */
  inFrontOf(url: string): string {
    return Object.assign(new URL(url), { port: String(this.port) }).href
  }

  /** Nobody listens here any more, and the connections that there are are reset. */
  async refuse(): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    this.cut()
    await closed
  }

  /** New connections are as they should be; those that have fallen silent never speak again. */
  async recover(): Promise<void> {
    Object.assign(this, SOUND)
    this.#trap = undefined
    if (!this.#server.listening) await once(this.#server.listen(this.port, '127.0.0.1'), 'listening')
  }

  /** Nothing more passes over the connections that there are, and both ends take them to be open. */
  silence(): void {
    for (const connection of this.#connections) connection.isSilent = true
  }

  cut(): void {
    for (const connection of this.#connections) cut(connection)
  }

  /** Settles when the first bytes with the pattern have come and met their fate; fails when none come. */
  trap(trap: Trap): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#trap = { ...trap, spring: resolve }
    const overdue = setTimeout(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${JSON.stringify(trap.pattern)} has not come in ${PATIENCE_MS / 1000} s`)
    })
    const sprung = Promise.race([promise, overdue])
    // Whoever set the trap may have given up before.
    sprung.catch(() => undefined)
    return sprung
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #take(near: Socket, target: number): void {
    this.count++
    if (this.newOnes === 'reset') return void near.resetAndDestroy()
    const far =
      this.newOnes === 'pass'
        ? connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
        : undefined
    const connection: Connection = { near, far, isSilent: false, isToBeCut: false, towardsStore: 0 }
    this.#connections.add(connection)
    for (const end of [near, far]) end?.on('error', () => end.destroy()).on('close', () => this.#end(connection))
    if (!far) return
    near.pipe(this.#passage(connection, (piece) => this.#goesOn(connection, piece))).pipe(far)
    far.pipe(this.#passage(connection, () => !connection.isToBeCut || cut(connection))).pipe(near)
  }

  /** Not even that one side has gone is heard of where there is silence. */
  #end(connection: Connection): void {
    const { near, far, isSilent } = connection
    if (isSilent && far && !(near.closed && far.closed)) return
    this.#connections.delete(connection)
    near.destroy()
    far?.destroy()
  }

  #passage(connection: Connection, goesOn: (piece: Buffer) => boolean): Transform {
    const pass = async (bytes: Buffer, passage: Transform): Promise<void> => {
      for (let at = 0; at < bytes.length; at += this.pieces) {
        const piece = bytes.subarray(at, at + this.pieces)
        if (this.delay > 0) await setTimeout(this.delay)
        if (!connection.isSilent && goesOn(piece)) passage.push(piece)
      }
    }
    return new Transform({
      transform(bytes: Buffer, _, done) {
        // What falls silent takes nothing more either, so that its sender has to wait.
        void pass(bytes, this).finally(() => (connection.isSilent ? undefined : done()))
      },
      flush: (done) => (connection.isSilent ? undefined : done()),
    })
  }

  /** Whether these bytes reach the store. */
  #goesOn(connection: Connection, piece: Buffer): boolean {
    connection.towardsStore += piece.length
    if (connection.towardsStore > this.cutAfter) return cut(connection)
    const trap = this.#trap
    if (!trap || !piece.includes(trap.pattern)) return true
    this.#trap = undefined
    if (trap.fate.endsWith(' all')) this.newOnes = trap.fate === 'cut all' ? 'reset' : 'hang'
    if (trap.fate === 'hang all') this.silence()
    if (trap.fate === 'cut all') for (const other of this.#connections) if (other !== connection) cut(other)
    if (trap.fate.startsWith('hang')) connection.isSilent = true
    else connection.isToBeCut = trap.reaches || cut(connection)
    trap.spring()
    return trap.reaches
  }
}

function cut({ near, far }: Connection): false {
  near.resetAndDestroy()
  far?.resetAndDestroy()
  return false
}
