import { expect } from 'vitest'
import { sha256 } from '../samples.ts'
import { withServices } from '../services.ts'
import { digestOf, lost, PICTURE, type Uploaded, upload } from './api.ts'
import { HEALTHY, IMAGEKIT, it, kill } from './project.ts'

withServices(['DOCKER_HOST'], 'The local ImageKit server', () => {
  let earlier: readonly Uploaded[]

  it.beforeAll(async ({ project }) => {
    await project.clear()
    await project.up('--build')
    const { media } = await upload('plain.jpg')
    earlier = media ? [media] : []
  })

  it('stores uploads', async ({ project }) => {
    await project.compose(...IMAGEKIT, 'up', '--detach', '--build', '--wait')
    const { media } = await upload('imagekit.jpg')
    expect(media?.url).toMatch(/:8300\/local\//)
    expect(await digestOf(media?.id ?? '')).toBe(sha256(PICTURE))
  })

  it('stores uploads again after it was killed', async ({ project, annotate }) => {
    await kill(await project.container('imagekit'))
    const start = performance.now()
    const isUploaded = async () => (await upload(`after-death-${performance.now()}.jpg`)).status === 201
    await expect.poll(isUploaded, { timeout: 30_000 }).toBe(true)
    await annotate(`after ${((performance.now() - start) / 1000).toFixed(1)} s`)
  })

  it('is removed by the return to the filesystem, which serves the earlier files', async ({ project }) => {
    await project.up('--remove-orphans')
    expect(await project.states()).toEqual(HEALTHY)
    expect(await upload('plain-again.jpg')).toMatchObject({ status: 201 })
    expect(earlier).toHaveLength(1)
    expect(await lost(earlier)).toEqual([])
  })

  it('has files that the doctor then reports as findings', async ({ project }) => {
    const { stdout, stderr } = await project.attempt('exec', '-T', 'web', 'mediaport', 'doctor')
    expect(stdout, stderr).toMatch(/[1-9]\d* findings?/)
  })
})
