import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

export interface ProcessResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The environment of a process. It contains only PATH and `variables`. */
const environment = (variables: Record<string, string>) => ({ PATH: process.env['PATH'] ?? '', ...variables })

/** Runs `mediaport` and waits until it exits. */
export async function run(args: string[], variables: Record<string, string>, cwd?: string): Promise<ProcessResult> {
  const child = spawn(process.execPath, [CLI, ...args], { env: environment(variables), cwd })
  return waitForExit(child)
}

export class ServerProcess {
  readonly child: ChildProcess
  readonly ended: Promise<ProcessResult>
  /** The messages of the log so far. */
  readonly messages: string[] = []

  private constructor(child: ChildProcess) {
    this.child = child
    let partialLine = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partialLine + text).split('\n')
      partialLine = lines.pop() ?? ''
      for (const line of lines) if (line.endsWith('}')) this.messages.push(JSON.parse(line).msg)
    })
    this.ended = waitForExit(child)
  }

  /** Resolves when the server listens and has opened its database, or when the worker runs jobs. */
  static async start(variables: Record<string, string>, command: 'serve' | 'worker' = 'serve'): Promise<ServerProcess> {
    const server = ServerProcess.launch(variables, command)
    await server.ready(command === 'serve' ? 'ready for uploads' : 'working')
    return server
  }

  /** Starts the process without waiting for it. */
  static launch(variables: Record<string, string>, command: 'serve' | 'worker' = 'serve', cli = CLI): ServerProcess {
    return new ServerProcess(spawn(process.execPath, [cli, command], { env: environment({ PORT: '0', ...variables }) }))
  }

  /** Resolves when the process has logged `message`. Rejects if it exits first. */
  async ready(message = 'ready for uploads'): Promise<void> {
    await Promise.race([this.#waitForMessage(message), this.ended.then(throwFailure)])
  }

  get url(): string {
    return (
      this.messages
        .find((message) => message.startsWith('listening on'))
        ?.split(' ')
        .at(-1) ?? ''
    )
  }

  /** The resident memory of the process. 0 if there is no /proc. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8').catch(() => '')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  }

  kill(signal: NodeJS.Signals): Promise<ProcessResult> {
    this.child.kill(signal)
    return this.ended
  }

  async #waitForMessage(text: string): Promise<void> {
    while (!this.messages.some((message) => message.includes(text))) await once(this.child.stdout ?? this.child, 'data')
  }
}

async function waitForExit(child: ChildProcess): Promise<ProcessResult> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

function throwFailure({ status, stdout, stderr }: ProcessResult): never {
  throw new Error(`mediaport exited with status ${status}: ${stdout}${stderr}`)
}
