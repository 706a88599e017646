import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands before a server, and can fall silent as a network does: without an end, a reset or an answer. */
export class SilentProxy {
  readonly port: number
  readonly #connections: Map<Socket, Socket | undefined>
  readonly #close: () => void
  #answersNew = true

  private constructor(port: number, connections: Map<Socket, Socket | undefined>, close: () => void) {
    this.port = port
    this.#connections = connections
    this.#close = close
  }

  /** @param target a port of this machine. */
  static async before(target: number): Promise<SilentProxy> {
    const connections = new Map<Socket, Socket | undefined>()
    const server = createServer((near) => {
      connections.set(near, undefined)
      near.on('close', () => connections.delete(near)).on('error', () => near.destroy())
      if (!proxy.#answersNew) return void near.resume()
      const far = connect(target, '127.0.0.1')
      near.on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      connections.set(near, far)
      near.pipe(far)
      far.pipe(near)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const proxy = new SilentProxy(port, connections, () => void server.close())
    return proxy
  }

  /** From now on new connections are taken and never answered, or are again as they should be. */
  answerNew(answersNew: boolean): void {
    this.#answersNew = answersNew
  }

  /** Nothing more passes over the connections that there are, and both ends take them to be open. */
  silence(): void {
    for (const end of [...this.#connections].flat()) end?.unpipe().resume()
  }

  close(): void {
    this.#close()
    for (const near of this.#connections.keys()) near.destroy()
  }
}
