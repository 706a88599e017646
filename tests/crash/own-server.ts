import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hasExited, killOnExit } from '../support/processes.ts'

/** A server that tests can kill and start again on the same port with the same data. */
export class OwnServer {
  readonly port: number
  /** The folder of its data. */
  readonly folder: string
  readonly #command: Command
  readonly #isReady: (port: number) => Promise<boolean>
  readonly #end: NodeJS.Signals
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string, command: Command, { isReady, end }: Kind) {
    this.port = port
    this.folder = folder
    this.#command = command
    this.#isReady = isReady
    this.#end = end
  }

  /** Creates the folder and chooses the port. The server is not started. */
  static async #make(command: Command, kind: Kind = { isReady: listens, end: 'SIGKILL' }): Promise<OwnServer> {
    return new OwnServer(await freePort(), await mkdtemp(join(tmpdir(), 'mediaport-server-')), command, kind)
  }

  /** @param options Additional command-line arguments. */
  static redis = (options: readonly string[] = []): Promise<OwnServer> =>
    OwnServer.#make((port, folder) => [
      ...`redis-server --bind 127.0.0.1 --port ${port} --dir ${folder} --appendonly yes --appendfsync always`.split(
        ' ',
      ),
      ...options,
    ])

  /** FerretDB as `tests/services/mongo.sh` has built it. */
  static mongo = (): Promise<OwnServer> =>
    OwnServer.#make((port, folder) => [process.env['FERRETDB'] ?? 'ferretdb', `127.0.0.1:${port}`, folder])

  /** PostgreSQL of `POSTGRES_BIN`. It refuses to run as root, so root runs it as the user `postgres`. */
  static async postgres(): Promise<OwnServer> {
    const bin = process.env['POSTGRES_BIN'] ?? ''
    const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
    // During recovery it accepts connections and refuses them.
    const isReady = (port: number) =>
      promisify(execFile)(`${bin}/pg_isready`, ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
        () => true,
        () => false,
      )
    const server = await OwnServer.#make(
      (port, folder) => [
        ...asUser,
        ...`${bin}/postgres -D ${folder}/data -p ${port} -c listen_addresses=127.0.0.1 -k ${folder}`.split(' '),
      ],
      // SIGQUIT is the immediate shutdown. After a SIGKILL its shared memory would stay allocated.
      { isReady, end: 'SIGQUIT' },
    )
    if (asUser.length > 0) await promisify(execFile)('chown', ['postgres', server.folder])
    const [command, ...args] = [...asUser, `${bin}/initdb`, '-D', `${server.folder}/data`, '-U', 'media', '-A', 'trust']
    await promisify(execFile)(command, args, { cwd: server.folder })
    return server
  }

  /** Resolves when the server accepts connections. */
  async start(): Promise<void> {
    const [command = '', ...args] = this.#command(this.port, this.folder)
    const child = spawn(command, args, { cwd: this.folder, stdio: 'ignore' })
    this.#child = child
    killOnExit(child, this.#end)
    while (!(await this.#isReady(this.port))) {
      if (hasExited(child)) throw new Error(`${command} ended with ${child.exitCode ?? child.signalCode}`)
      await setTimeout(20)
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child || hasExited(child)) return
    child.kill(signal)
    await once(child, 'exit')
  }

  async remove(): Promise<void> {
    await this.kill(this.#end)
    await rm(this.folder, { recursive: true, force: true })
  }

  isUp(): Promise<boolean> {
    return listens(this.port)
  }
}

type Command = (port: number, folder: string) => readonly string[]

interface Kind {
  readonly isReady: (port: number) => Promise<boolean>
  /** The signal that ends the server in the cleanup. */
  readonly end: NodeJS.Signals
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
