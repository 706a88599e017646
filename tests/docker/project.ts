import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { attempt, type CommandOptions, type Result, run } from './command.ts'

const ROOT = new URL('../../', import.meta.url).pathname
/** Differs from the name in the compose file, so that an installation on the same engine is not affected. */
const NAME = 'mediaport-walk'
const IMAGEKIT = ['-f', 'docker-compose.yml', '-f', 'docker-compose.imagekit.yml']

export const SERVICES = ['web', 'worker', 'db', 'mongo', 'redis'] as const
export type Service = (typeof SERVICES)[number]
export type State = 'running' | 'healthy' | 'absent' | (string & {})

/** A copy of the project's files as a new user has them, without files that git ignores, and its containers. */
export class Project {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async copy(): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-docker-'))
    const script =
      'git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$1"'
    await run(['bash', '-c', script, '-', folder], { cwd: ROOT })
    return new Project(folder)
  }

  /** A copy of a commit, with the same containers and volumes. */
  static async copyOfCommit(commit: string): Promise<Project | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-docker-'))
    const script = 'git archive "$1" | tar -x -C "$2"'
    const { status } = await attempt(['bash', '-o', 'pipefail', '-c', script, '-', commit, folder], { cwd: ROOT })
    if (status === 0) return new Project(folder)
    await rm(folder, { recursive: true })
    return undefined
  }

  /** Runs commands of the documentation. */
  shell(script: string, options?: CommandOptions): Promise<Result> {
    return attempt(['bash', '-c', script], { cwd: this.folder, env: { COMPOSE_PROJECT_NAME: NAME }, ...options })
  }

  attempt(...args: readonly string[]): Promise<Result> {
    return attempt(['docker', 'compose', '--project-name', NAME, ...args], { cwd: this.folder })
  }

  compose(...args: readonly string[]): Promise<string> {
    return run(['docker', 'compose', '--project-name', NAME, ...args], { cwd: this.folder })
  }

  withImagekit(...args: readonly string[]): Promise<string> {
    return this.compose(...IMAGEKIT, ...args)
  }

  up(...args: readonly string[]): Promise<string> {
    return this.compose('up', '--detach', '--wait', ...args)
  }

  /** Removes the containers and their data. */
  async clear(): Promise<void> {
    await this.withImagekit('down', '--volumes', '--remove-orphans', '--timeout', '2')
    await rm(join(this.folder, '.env'), { force: true })
  }

  async remove(): Promise<void> {
    await this.clear()
    await rm(this.folder, { recursive: true })
  }

  writeEnv(variables: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
    return writeFile(join(this.folder, '.env'), lines.join(''))
  }

  async inspect(service: string): Promise<Container> {
    const [container] = JSON.parse(
      await run(['docker', 'inspect', await this.compose('ps', '--all', '--quiet', service)]),
    )
    return container
  }

  /**
   * The health of a running container (`healthy`, `starting` or `unhealthy`), or its state. `absent` without a
   * container.
   */
  async state(service: string): Promise<string> {
    const ids = await this.compose('ps', '--all', '--quiet', service)
    if (ids === '') return 'absent'
    const { State } = await this.inspect(service)
    return State.Status === 'running' ? (State.Health?.Status ?? 'running') : State.Status
  }

  states(): Promise<readonly string[]> {
    return Promise.all(SERVICES.map((service) => this.state(service)))
  }

  /** The ids and start times of the containers, which change if one is replaced or restarted. */
  lives(): Promise<readonly string[]> {
    return Promise.all(
      SERVICES.map(async (service) => {
        const { Id, State } = await this.inspect(service)
        return `${service} ${Id.slice(0, 12)} ${State.StartedAt}`
      }),
    )
  }

  logs(service: string): Promise<string> {
    return this.compose('logs', '--no-color', '--no-log-prefix', service)
  }
}

export interface Container {
  readonly Id: string
  readonly State: {
    readonly Status: string
    readonly Pid: number
    readonly StartedAt: string
    readonly Health?: { readonly Status: string }
  }
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean
    readonly SecurityOpt: readonly string[] | null
    readonly CapDrop: readonly string[] | null
    readonly LogConfig: { readonly Config: Readonly<Record<string, string>> }
    readonly PidsLimit: number | null
    readonly Memory: number
    readonly Privileged: boolean
  }
}

/**
 * Waits until a condition is true.
 * @returns Whether it became true in time.
 */
export async function becomes(isTrue: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs
  while (!(await isTrue())) {
    if (performance.now() > until) return false
    await setTimeout(300)
  }
  return true
}
