/** From the image of an earlier commit, with its data. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lost, picture, upload } from './api.ts'
import type { Part } from './part.ts'
import { becomes, Project } from './project.ts'

export const upgrade: Part = async ({ project, checks, from }) => {
  const before = await Project.copyOfCommit(from)
  if (!before) return checks.skip('an upgrade', `${from} is not in this clone`)
  // A frontend would come from a registry; the engine has one.
  const dockerfile = join(before.folder, 'Dockerfile')
  await writeFile(dockerfile, (await readFile(dockerfile, 'utf8')).replace(/^# syntax=.*\n/, ''))
  await project.clear()
  await before.compose('up', '--detach', '--build', '--wait')
  const { media } = await upload('before.jpg', await picture())
  if (!media) throw new Error(`${from} takes no upload`)
  await project.up('--build', '--remove-orphans')
  checks.equal('an upgrade keeps what was uploaded', await lost([media]), [])
  const isWell = await becomes(
    async () => (await upload(`after-${performance.now()}.jpg`, await picture())).status === 201,
    10_000,
  )
  checks.holds('an upgrade takes uploads', isWell)
  const doctor = await project.attempt('exec', '-T', 'web', 'mediaport', 'doctor')
  checks.holds('doctor finds nothing after an upgrade', doctor.status === 0, doctor.stdout + doctor.stderr)
  await before.remove()
}
