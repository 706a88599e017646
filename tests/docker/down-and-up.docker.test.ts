import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { list, lost, upload } from './api.ts'
import { docker, it } from './project.ts'

const volumes = async () => (await docker('volume', 'ls', '--quiet')).split('\n').toSorted()

withServices(['DOCKER_HOST'], '`down` and `up`', () => {
  it('keep every media item and leave no volume', async ({ project }) => {
    await project.up('--build')
    await upload('kept.jpg')
    const [before, kept] = [await list(), await volumes()]
    expect(before).not.toEqual([])
    await project.compose('stop')
    const containers = Object.entries(await project.containers())
    expect(
      containers.filter(([, { State }]) => State.ExitCode !== 0),
      'stopped with another status',
    ).toEqual([])
    await project.compose('down')
    await project.up()
    expect([(await list()).length, await lost(before)]).toEqual([before.length, []])
    expect(await volumes()).toEqual(kept)
  })
})
