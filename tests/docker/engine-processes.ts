import { run } from './command.ts'

/** Reaches the engine's processes from a container, because the engine may have its own PID namespace. */
export class EngineProcesses implements AsyncDisposable {
  readonly #id: string

  private constructor(id: string) {
    this.#id = id
  }

  static async open(): Promise<EngineProcesses> {
    const container = ['--pid=host', '--privileged', '--entrypoint=sleep', 'redis:8', 'infinity']
    return new EngineProcesses(await run(['docker', 'run', '--detach', '--rm', ...container]))
  }

  /**
   * Kills a process as the kernel does when memory is exhausted. After `docker kill` the engine would not restart the
   * container.
   */
  async kill(pid: number): Promise<void> {
    await run(['docker', 'exec', this.#id, 'sh', '-c', `kill -9 ${pid}`])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(['docker', 'rm', '--force', '--volumes', this.#id])
  }
}
