import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { endsWithUs, hasEnded } from './ends-with-us.ts'

/** A server of our own, that can be killed and started again where it was, with what it had. */
export class OwnServer {
  readonly port: number
  /** What it keeps lies here. */
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

  /** It does not run yet. */
  static async #make(command: Command, kind: Kind = { isReady: listens, end: 'SIGKILL' }): Promise<OwnServer> {
    return new OwnServer(await freePort(), await mkdtemp(join(tmpdir(), 'mediaport-server-')), command, kind)
  }

  /** @param options more of its command line. */
  static redis = (options: readonly string[] = []): Promise<OwnServer> =>
    OwnServer.#make((port, folder) => [
      ...`redis-server --bind 127.0.0.1 --port ${port} --dir ${folder} --appendonly yes --appendfsync always`.split(
        ' ',
      ),
      ...options,
    ])

  /** The one that `tests/services/mongo.sh` has built. */
  static mongo = (): Promise<OwnServer> =>
    OwnServer.#make((port, folder) => [process.env['FERRETDB'] ?? 'ferretdb', `127.0.0.1:${port}`, folder])

  /** PostgreSQL of `POSTGRES_BIN`, which refuses to be root: then it is the user `postgres`. */
  static async postgres(): Promise<OwnServer> {
    const bin = process.env['POSTGRES_BIN'] ?? ''
    const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
    // It takes connections, and sends them away, before it has recovered.
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
      // Its immediate shutdown. After a SIGKILL the kernel keeps its shared memory, for good.
      { isReady, end: 'SIGQUIT' },
    )
    if (asUser.length > 0) await promisify(execFile)('chown', ['postgres', server.folder])
    const [command, ...args] = [...asUser, `${bin}/initdb`, '-D', `${server.folder}/data`, '-U', 'media', '-A', 'trust']
    await promisify(execFile)(command, args, { cwd: server.folder })
    return server
  }

  /** Settles when it takes connections. */
  async start(): Promise<void> {
    const [command = '', ...args] = this.#command(this.port, this.folder)
    const child = spawn(command, args, { cwd: this.folder, stdio: 'ignore' })
    this.#child = child
    endsWithUs(child, this.#end)
    while (!(await this.#isReady(this.port))) {
      if (hasEnded(child)) throw new Error(`${command} ended with ${child.exitCode ?? child.signalCode}`)
      await setTimeout(20)
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child || hasEnded(child)) return
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
  /** Ends it where no test is about its end. */
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
