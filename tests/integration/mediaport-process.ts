import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Environment of a process that shares nothing with the one that runs the tests. */
const environment = (variables: Record<string, string>) => ({ PATH: process.env['PATH'] ?? '', ...variables })

/** Runs `mediaport` to its end. */
export async function run(args: string[], variables: Record<string, string>, cwd?: string): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: environment(variables), cwd })
  return ended(child)
}

export class ServerProcess {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What the log says, as far as it has come. */
  readonly messages: string[] = []

  private constructor(child: ChildProcess) {
    this.child = child
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.endsWith('}')) this.messages.push(JSON.parse(line).msg)
    })
    this.ended = ended(child)
  }

  /** Settles when the server listens and has opened its database; a worker, when it works. */
  static async start(variables: Record<string, string>, command: 'serve' | 'worker' = 'serve'): Promise<ServerProcess> {
    const server = ServerProcess.launch(variables, command)
    await server.ready(command === 'serve' ? 'ready for uploads' : 'working')
    return server
  }

  /** Without waiting for anything. */
  static launch(variables: Record<string, string>, command: 'serve' | 'worker' = 'serve', cli = CLI): ServerProcess {
    return new ServerProcess(spawn(process.execPath, [cli, command], { env: environment({ PORT: '0', ...variables }) }))
  }

  /** Settles when the process has said so. */
  async ready(message = 'ready for uploads'): Promise<void> {
    await Promise.race([this.#sees(message), this.ended.then(failed)])
  }

  get url(): string {
    return (
      this.messages
        .find((message) => message.startsWith('listening on'))
        ?.split(' ')
        .at(-1) ?? ''
    )
  }

  /** Of memory that it has by now; where there is no /proc, none. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8').catch(() => '')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }

  async #sees(text: string): Promise<void> {
    while (!this.messages.some((message) => message.includes(text))) await once(this.child.stdout ?? this.child, 'data')
  }
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

function failed({ status, stdout, stderr }: Ended): never {
  throw new Error(`mediaport ended with ${status}: ${stdout}${stderr}`)
}
