/** The error messages of wrong installations. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { run } from './command.ts'
import type { Part } from './part.ts'
import { becomes, type Project } from './project.ts'

const TIMEOUT_MS = 40_000
/** The states of a service that did not start in `docker compose ps --all`. */
const DOWN = ['created', 'exited', 'restarting', 'unhealthy']

interface BadInput {
  readonly name: string
  /**
   * Makes the installation wrong and starts it.
   * @returns The output of Compose.
   */
  readonly start: (project: Project) => Promise<string>
  /** Must match one line of the logs of web, or of the output of Compose. */
  readonly says: RegExp
  /** Repairs the installation as the line or docs/operations.md says. */
  readonly repair?: (project: Project) => Promise<unknown>
}

const startWeb = async (project: Project): Promise<string> => (await project.attempt('up', '--detach', 'web')).stderr

const INPUTS: readonly BadInput[] = [
  {
    name: 'a wrong variable',
    start: async (project) => {
      await project.writeEnv({ MAX_FILE_SIZE: 'many' })
      return startWeb(project)
    },
    says: /MAX_FILE_SIZE/,
  },
  {
    name: 'a taken port',
    start: async (project) => {
      const server = createServer()
      await once(server.listen(8000, '127.0.0.1'), 'listening')
      try {
        return await startWeb(project)
      } finally {
        server.close()
      }
    },
    says: /8000.*(already in use|already allocated)/,
  },
  {
    name: 'a volume that is not writable',
    start: async (project) => {
      await project.compose('create', 'web')
      const { Mounts } = (await project.inspect('web')) as unknown as { Mounts: { Name: string }[] }
      const volume = `${Mounts[0]?.Name}:/data`
      await run(['docker', 'run', '--rm', '--volume', volume, '--entrypoint=chown', 'redis:8', '0:0', '/data'])
      return startWeb(project)
    },
    says: /DATA_DIR.*chown/,
    repair: async (project) => {
      const operations = await readFile(join(project.folder, 'docs/operations.md'), 'utf8')
      const [, command = 'false'] = /`(docker compose run [^`]* chown [^`]*)`/.exec(operations) ?? []
      return project.shell(command)
    },
  },
  {
    name: 'a database with another password',
    start: async (project) => {
      await project.compose('up', '--detach', '--wait', 'db')
      await project.writeEnv({ POSTGRES_PASSWORD: 'another' })
      return startWeb(project)
    },
    says: /POSTGRES_PASSWORD/,
    repair: (project) => project.writeEnv({}),
  },
]

export const badInput: Part = async ({ project, checks }) => {
  for (const { name, start, says, repair } of INPUTS) {
    await project.clear()
    const output = await start(project)
    const lines = async () => `${output}\n${await project.logs('web')}`.split('\n')
    const isReported = await becomes(async () => (await lines()).some((line) => says.test(line)), TIMEOUT_MS)
    const all = await lines()
    checks.holds(
      `${name}: one line names the reason`,
      isReported,
      all.find((line) => says.test(line)) ?? all.slice(-3).join('\n'),
    )
    const trace = all.find((line) => /^\s+at /.test(line) || line.includes(String.raw`\n    at `))
    checks.equal(`${name}: no stack trace`, trace ?? '', '')
    const isDown = await becomes(async () => DOWN.includes(await project.state('web')), TIMEOUT_MS)
    checks.holds(`${name}: web is not up`, isDown, await project.state('web'))
    if (repair) {
      await repair(project)
      const { status, stderr } = await project.attempt('up', '--detach', '--wait', 'web')
      checks.equal(`${name}: repaired as documented`, status === 0 ? '' : stderr, '')
    }
  }
  await project.clear()
}
