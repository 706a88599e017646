import { expect, onTestFinished } from 'vitest'
import { withServices } from '../services.ts'
import { lost, upload } from './api.ts'
import { it, Project } from './project.ts'

const FROM = process.env['FROM'] ?? 'HEAD~1'

withServices(['DOCKER_HOST'], `An upgrade from ${FROM}`, () => {
  it('keeps earlier uploads', async ({ project, skip }) => {
    // It has the same containers and volumes.
    const before = await Project.copy(`set -o pipefail; git archive ${FROM}`).catch(() =>
      skip(`this clone has no commit ${FROM}`),
    )
    onTestFinished(() => before.remove())
    // The frontend would be downloaded from a registry. The engine has a built-in one.
    await before.write('Dockerfile', (await before.read('Dockerfile')).replace(/^# syntax=.*\n/, ''))
    await project.clear()
    await before.up('--build')
    const { media } = await upload('before.jpg')
    if (!media) throw new Error(`The version ${FROM} accepts no upload.`)
    await project.up('--build', '--remove-orphans')
    expect(await lost([media])).toEqual([])
    const isUploaded = async () => (await upload(`after-${performance.now()}.jpg`)).status === 201
    await expect.poll(isUploaded, { timeout: 10_000 }).toBe(true)
    // Fails if the doctor finds something.
    await project.compose('exec', '-T', 'web', 'mediaport', 'doctor')
  })
})
