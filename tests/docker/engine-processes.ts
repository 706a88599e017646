import { run } from './command.ts'

/** Reaches the engine's processes from a container, because the engine may have a namespace of its own. */
export class EngineProcesses implements AsyncDisposable {
  readonly #id: string

  private constructor(id: string) {
    this.#id = id
  }

  static async open(): Promise<EngineProcesses> {
    const container = ['--pid=host', '--privileged', '--entrypoint=sleep', 'redis:8', 'infinity']
    return new EngineProcesses(await run(['docker', 'run', '--detach', '--rm', ...container]))
  }

  /** As the kernel does when memory is short; unlike `docker kill`, after which the container is not started again. */
  async kill(pid: number): Promise<void> {
    await run(['docker', 'exec', this.#id, 'sh', '-c', `kill -9 ${pid}`])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(['docker', 'rm', '--force', '--volumes', this.#id])
  }
}
