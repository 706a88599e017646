/** The confinement of each service as the engine reports it, and the size of the image. */
import { run } from './command.ts'
import type { Part } from './part.ts'
import { SERVICES } from './project.ts'

const MAX_IMAGE_BYTES = 300_000_000

export const confinement: Part = async ({ project, checks }) => {
  await project.up()
  for (const service of SERVICES) {
    const { HostConfig: host } = await project.inspect(service)
    const missing = Object.entries({
      'read-only root': host.ReadonlyRootfs,
      'no new privileges': (host.SecurityOpt ?? []).some((option) => /^no-new-privileges(?!.*false)/.test(option)),
      'capabilities dropped': (host.CapDrop ?? []).includes('ALL') && !host.Privileged,
      'limit of logs': 'max-size' in host.LogConfig.Config,
      'limit of processes': (host.PidsLimit ?? 0) > 0,
      'limit of memory': host.Memory > 0,
    }).filter(([, has]) => !has)
    checks.equal(`${service} is confined`, missing.map(([name]) => `no ${name}`).join(), '')
  }
  for (const service of ['web', 'worker'])
    checks.equal(`${service} is not root`, await project.compose('exec', '-T', service, 'id', '-u'), '1000')
  const bytes = Number(await run(['docker', 'image', 'inspect', '--format', '{{.Size}}', 'mediaport']))
  checks.holds('MB of the image', bytes <= MAX_IMAGE_BYTES, Math.round(bytes / 1e6))
}
