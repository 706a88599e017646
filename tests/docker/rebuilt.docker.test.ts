import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { IS_FULL, it, type Project } from './project.ts'

const TIMES = IS_FULL ? 10 : 3

/** The ids and start times of the containers, which change if one is replaced or restarted. */
const lives = async (project: Project) =>
  Object.entries(await project.containers()).map(([service, { Id, State }]) => [service, Id, State.StartedAt])

withServices(['DOCKER_HOST'], '`up --build`', () => {
  it.beforeAll(async ({ project }) => void (await project.up('--build')))

  it(`replaces nothing, ${TIMES} times without a change`, async ({ project }) => {
    const before = await lives(project)
    expect(before).toHaveLength(5)
    for (let n = 0; n < TIMES; n++) await project.compose('up', '--detach', '--build')
    expect((await lives(project)).toSorted()).toEqual(before.toSorted())
  })

  it('replaces web after a change', async ({ project }) => {
    const before = await project.container('web')
    await project.write('.env', 'MAX_FILE_SIZE=50MiB\n')
    await project.up('--build')
    expect((await project.container('web')).Id).not.toBe(before.Id)
    await project.write('.env', '')
  })
})
