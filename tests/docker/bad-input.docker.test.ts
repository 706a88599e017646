import { once } from 'node:events'
import { createServer } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { docker, it, type Project } from './project.ts'

/** The states of a service that did not start. */
const DOWN = /^(created|exited|restarting|unhealthy)$/
const WITHIN = { timeout: 40_000 }

/**
 * Starts web, which must stay down. One line of its logs, or of the output of Compose, must match `reason`, and none
 * may be that of a stack trace.
 */
async function startsNot(project: Project, reason: RegExp): Promise<void> {
  const { stderr } = await project.attempt('up', '--detach', 'web')
  const lines = async () => {
    const logs = await project.compose('logs', '--no-color', '--no-log-prefix', 'web')
    // Compose writes a sequence that clears the line.
    return stripVTControlCharacters(`${stderr}\n${logs}`).split('\n')
  }
  await expect.poll(lines, WITHIN).toContainEqual(expect.stringMatching(reason))
  expect(await lines(), 'a stack trace').not.toContainEqual(expect.stringMatching(/^\s+at |\\n {4}at /))
  await expect.poll(async () => (await project.states())['web'], WITHIN).toMatch(DOWN)
}

withServices(['DOCKER_HOST'], 'A wrong installation does not start and names the reason:', () => {
  it.beforeAll(async ({ project }) => void (await project.compose('build')))
  it.beforeEach(({ project }) => project.clear())

  it('a wrong variable', async ({ project }) => {
    await project.write('.env', 'MAX_FILE_SIZE=many\n')
    await startsNot(project, /MAX_FILE_SIZE/)
  })

  it('a taken port', async ({ project }) => {
    const server = createServer()
    await once(server.listen(8000, '127.0.0.1'), 'listening')
    try {
      await startsNot(project, /8000.*(already in use|already allocated)/)
    } finally {
      server.close()
    }
  })

  it('a volume that is not writable, which the documented command repairs', async ({ project }) => {
    await project.compose('create', 'web')
    const [volume] = (await project.container('web')).Mounts
    await docker('run', '--rm', '--volume', `${volume?.Name}:/data`, '--entrypoint=chown', 'redis:8', '0:0', '/data')
    await startsNot(project, /DATA_DIR.*chown/)
    const operations = await project.read('docs/operations.md')
    const [, command = 'false'] = /`(docker compose run [^`]* chown [^`]*)`/.exec(operations) ?? []
    await project.shell(command)
    await project.up('web')
  })

  it('a database with another password, which the original one repairs', async ({ project }) => {
    await project.up('db')
    await project.write('.env', 'POSTGRES_PASSWORD=another\n')
    await startsNot(project, /POSTGRES_PASSWORD/)
    await project.write('.env', '')
    await project.up('web')
  })
})
