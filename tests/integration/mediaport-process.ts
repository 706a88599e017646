import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

export interface ProcessResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts Node.js with an environment that contains only PATH and `variables`. */
const start = (args: string[], variables: Record<string, string>, cwd?: string): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, args, { env: { PATH: process.env['PATH'] ?? '', ...variables }, cwd })

/** Runs `mediaport` and waits until it exits. */
export const run = (args: string[], variables: Record<string, string>, cwd?: string): Promise<ProcessResult> =>
  waitForExit(start([CLI, ...args], variables, cwd))

export class ServerProcess {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<ProcessResult>
  /** The messages of the log so far. */
  readonly messages: string[] = []

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    createInterface(child.stdout).on('line', (line) => line.endsWith('}') && this.messages.push(JSON.parse(line).msg))
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
    return new ServerProcess(start([cli, command], { PORT: '0', ...variables }))
  }

  /** Resolves when the process has logged `message`. Rejects if it exits first. */
  async ready(text = 'ready for uploads'): Promise<void> {
    while (!this.messages.some((message) => message.includes(text)))
      await Promise.race([once(this.child.stdout, 'data'), this.ended.then(throwFailure)])
  }

  get url(): string {
    const line = this.messages.find((message) => message.startsWith('listening on'))
    return line?.split(' ').at(-1) ?? ''
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
}

async function waitForExit(child: ChildProcessWithoutNullStreams): Promise<ProcessResult> {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  const [status] = await once(child, 'close')
  return { status, ...output }
}

function throwFailure({ status, stdout, stderr }: ProcessResult): never {
  throw new Error(`mediaport exited with status ${status}: ${stdout}${stderr}`)
}
