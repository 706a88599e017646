import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'vitest'

const ROOT = new URL('../../', import.meta.url).pathname
/** Differs from the name in the compose file, so that an installation on the same engine is not affected. */
const NAME = 'mediaport-walk'
/** Archives the files of the project without those that git ignores. */
const WORKING_TREE = 'git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T -'

export const IMAGEKIT = ['-f', 'docker-compose.yml', '-f', 'docker-compose.imagekit.yml']
/** `npm run docker:full` sets it. */
export const IS_FULL = process.env['FULL'] === '1'
export const SERVICES = ['web', 'worker', 'db', 'mongo', 'redis'] as const
export type Service = (typeof SERVICES)[number]
/** What `states` returns if all services run, and no others. */
export const HEALTHY = Object.fromEntries(SERVICES.map((service) => [service, 'healthy']))

interface Result {
  /** The exit status. Undefined is success. */
  readonly code?: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command. Throws if it fails. */
async function run([file = '', ...args]: readonly string[], cwd = ROOT): Promise<Result> {
  const env = { ...process.env, COMPOSE_PROJECT_NAME: NAME }
  const running = promisify(execFile)(file, args, { cwd, env, maxBuffer: 2 ** 26 })
  running.child.stdin?.end()
  return running
}

/** Runs a command of Docker. Throws if it fails. */
export const docker = async (...args: readonly string[]): Promise<string> =>
  (await run(['docker', ...args])).stdout.trim()

/**
 * Kills a process of the engine as the kernel does when memory is exhausted. After `docker kill` the engine would not
 * restart the container. The engine may have its own PID namespace.
 */
export async function kill({ State: { Pid } }: Container): Promise<void> {
  await docker('run', '--rm', '--pid=host', '--privileged', '--entrypoint=sh', 'redis:8', '-c', `kill -9 ${Pid}`)
}

/** A copy of the project's files as a new user has them, and its containers. */
export class Project {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @param archive A shell command that writes the files as a tar archive. */
  static async copy(archive = WORKING_TREE): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-docker-'))
    await run(['bash', '-c', `${archive} | tar -x -C "$1"`, '-', folder])
    return new Project(folder)
  }

  /** Runs a script. Throws if it fails. */
  shell(script: string): Promise<Result> {
    return run(['bash', '-c', script], this.#folder)
  }

  /** Runs a command of Compose, which may fail. */
  attempt(...args: readonly string[]): Promise<Result> {
    return run(['docker', 'compose', ...args], this.#folder).catch((error: Result) => error)
  }

  /** Runs a command of Compose. Throws if it fails. */
  async compose(...args: readonly string[]): Promise<string> {
    return (await run(['docker', 'compose', ...args], this.#folder)).stdout.trim()
  }

  async up(...args: readonly string[]): Promise<string> {
    const start = () => this.compose('up', '--detach', '--wait', ...args)
    // An engine inside of another machine sometimes loses the first process of a container. A real fault stays.
    return start().catch((error: unknown) => {
      if (String(error).includes('OCI runtime create failed')) return start()
      throw error
    })
  }

  /** Removes the containers and their data. */
  async clear(): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '2')
    await rm(join(this.#folder, '.env'), { force: true })
  }

  async remove(): Promise<void> {
    await this.clear()
    await rm(this.#folder, { recursive: true })
  }

  read(path: string): Promise<string> {
    return readFile(join(this.#folder, path), 'utf8')
  }

  write(path: string, text: string): Promise<void> {
    return writeFile(join(this.#folder, path), text)
  }

  /**
   * The blocks of shell commands in a section of a document.
   * @param heading Such as `## With Docker`. The section ends at the next heading of that level or above.
   */
  async documented(path: string, heading: string): Promise<readonly string[]> {
    const [, section] = (await this.read(path)).split(`\n${heading}\n`)
    if (section === undefined) throw new Error(`${path} has no section ${heading}.`)
    const [text = ''] = section.split(new RegExp(`\n#{1,${heading.indexOf(' ')}} `))
    return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = '']) => commands)
  }

  /** The containers by their service, also those of services that the compose file no longer has. */
  async containers(): Promise<Readonly<Record<string, Container>>> {
    const ids = await this.compose('ps', '--all', '--orphans', '--quiet')
    if (ids === '') return {}
    const containers = JSON.parse(await docker('inspect', ...ids.split('\n'))) as Container[]
    return Object.fromEntries(containers.map((each) => [each.Config.Labels['com.docker.compose.service'], each]))
  }

  async container(service: string): Promise<Container> {
    const { [service]: container } = await this.containers()
    if (!container) throw new Error(`${service} has no container.`)
    return container
  }

  /** The health of each running container (`healthy`, `starting` or `unhealthy`), or the state of another one. */
  async states(): Promise<Readonly<Record<string, string>>> {
    const containers = Object.entries(await this.containers())
    return Object.fromEntries(
      containers.map(([service, { State }]) => [
        service,
        State.Status === 'running' ? (State.Health?.Status ?? 'running') : State.Status,
      ]),
    )
  }
}

export interface Container {
  readonly Id: string
  readonly Config: { readonly Labels: Readonly<Record<string, string>> }
  readonly State: {
    readonly Status: string
    readonly ExitCode: number
    readonly Pid: number
    readonly StartedAt: string
    readonly Health?: { readonly Status: string }
  }
  readonly Mounts: readonly { readonly Name: string }[]
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

/** Tests share one project, which is removed after the last one. Each file starts with a project in any state. */
// oxlint-disable-next-line no-empty-pattern -- Vitest reads the names of other fixtures from the pattern
export const it = test.extend('project', { scope: 'worker' }, async ({}, { onCleanup }) => {
  const project = await Project.copy()
  onCleanup(() => project.remove())
  return project
})
