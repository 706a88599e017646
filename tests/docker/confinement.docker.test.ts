import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { docker, it, SERVICES } from './project.ts'

const MAX_IMAGE_BYTES = 300_000_000

withServices(['DOCKER_HOST'], 'The engine', () => {
  it.beforeAll(async ({ project }) => void (await project.up('--build')))

  it.for(SERVICES)('confines %s', async (service, { project }) => {
    const { HostConfig: host } = await project.container(service)
    const limits = {
      'read-only root': host.ReadonlyRootfs,
      'no new privileges': (host.SecurityOpt ?? []).some((option) => /^no-new-privileges(?!.*false)/.test(option)),
      'capabilities dropped': (host.CapDrop ?? []).includes('ALL') && !host.Privileged,
      'limit of logs': 'max-size' in host.LogConfig.Config,
      'limit of processes': (host.PidsLimit ?? 0) > 0,
      'limit of memory': host.Memory > 0,
    }
    expect(Object.entries(limits).filter(([, has]) => !has)).toEqual([])
  })

  it.for(['web', 'worker'])('does not run %s as root', async (service, { project }) => {
    expect(await project.compose('exec', '-T', service, 'id', '-u')).toBe('1000')
  })

  it('has a small image', async ({ annotate }) => {
    const bytes = Number(await docker('image', 'inspect', '--format', '{{.Size}}', 'mediaport'))
    await annotate(`${Math.round(bytes / 1e6)} MB`)
    expect(bytes).toBeLessThanOrEqual(MAX_IMAGE_BYTES)
  })
})
