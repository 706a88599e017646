import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hasExited, killOnExit } from '../support/processes.ts'

interface Kind {
  readonly url: (port: number) => string
  readonly command: (port: number, folder: string) => readonly string[]
  /** Default: the server accepts connections. */
  readonly isReady?: (port: number) => Promise<boolean>
  /** The signal that ends the server at once. */
  readonly end?: NodeJS.Signals
}

/** A server that tests can kill and start again on the same port with the same data. */
export class OwnServer {
  readonly port: number
  /** The folder of its data. */
  readonly folder: string
  readonly #kind: Kind
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string, kind: Kind) {
    this.port = port
    this.folder = folder
    this.#kind = kind
  }

  /** Creates the folder and chooses the port. The server is not started. */
  static async #make(kind: Kind): Promise<OwnServer> {
    return new OwnServer(await freePort(), await mkdtemp(join(tmpdir(), 'mediaport-server-')), kind)
  }

  /** @param options Additional command-line arguments. */
  static redis = (options: readonly string[] = []): Promise<OwnServer> =>
    OwnServer.#make({
      url: (port) => `redis://127.0.0.1:${port}`,
      command: (port, folder) => [
        ...`redis-server --bind 127.0.0.1 --port ${port} --dir ${folder} --appendonly yes --appendfsync always`.split(
          ' ',
        ),
        ...options,
      ],
    })

  /** FerretDB as `tests/services/mongo.sh` has built it. */
  static mongo = (): Promise<OwnServer> =>
    OwnServer.#make({
      url: (port) => `mongodb://127.0.0.1:${port}/`,
      command: (port, folder) => [process.env['FERRETDB'] ?? 'ferretdb', `127.0.0.1:${port}`, folder],
    })

  /** PostgreSQL of `POSTGRES_BIN`. It refuses to run as root, so root runs it as the user `postgres`. */
  static async postgres(): Promise<OwnServer> {
    const bin = process.env['POSTGRES_BIN'] ?? ''
    const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
    const server = await OwnServer.#make({
      url: (port) => `postgres://media@127.0.0.1:${port}/postgres`,
      command: (port, folder) => [
        ...asUser,
        ...`${bin}/postgres -D ${folder}/data -p ${port} -c listen_addresses=127.0.0.1 -k ${folder}`.split(' '),
      ],
      // During recovery it accepts connections and refuses them.
      isReady: (port) =>
        run(`${bin}/pg_isready`, ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
          () => true,
          () => false,
        ),
      // The immediate shutdown, which flushes nothing. SIGKILL would leave its child processes and its shared memory.
      end: 'SIGQUIT',
    })
    if (asUser.length > 0) await run('chown', ['postgres', server.folder])
    const [command, ...args] = [...asUser, `${bin}/initdb`, '-D', `${server.folder}/data`, '-U', 'media', '-A', 'trust']
    await run(command, args, { cwd: server.folder })
    return server
  }

  get url(): string {
    return this.#kind.url(this.port)
  }

  /** Resolves when the server accepts connections. */
  async start(): Promise<void> {
    const { command, isReady = listens, end } = this.#kind
    const [program = '', ...args] = command(this.port, this.folder)
    const child = spawn(program, args, { cwd: this.folder, stdio: 'ignore' })
    this.#child = child
    killOnExit(child, end)
    while (!(await isReady(this.port))) {
      if (hasExited(child)) throw new Error(`${program} ended with ${child.exitCode ?? child.signalCode}`)
      await setTimeout(20)
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child || hasExited(child)) return
    child.kill(this.#kind.end ?? 'SIGKILL')
    await once(child, 'exit')
  }

  /** Kills the server and starts it again after `downMs`. */
  async restart(downMs = 0): Promise<void> {
    await this.kill()
    await setTimeout(downMs)
    await this.start()
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  isUp(): Promise<boolean> {
    return listens(this.port)
  }
}

const run = promisify(execFile)

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
