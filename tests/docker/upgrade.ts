/** An upgrade from the image of an earlier commit with its data. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lost, picture, upload } from './api.ts'
import type { Part } from './part.ts'
import { becomes, Project } from './project.ts'

export const upgrade: Part = async ({ project, checks, from }) => {
  const before = await Project.copyOfCommit(from)
  if (!before) return checks.skip('an upgrade', `this clone has no commit ${from}`)
  // The frontend would be downloaded from a registry. The engine has a built-in one.
  const dockerfile = join(before.folder, 'Dockerfile')
  await writeFile(dockerfile, (await readFile(dockerfile, 'utf8')).replace(/^# syntax=.*\n/, ''))
  await project.clear()
  await before.compose('up', '--detach', '--build', '--wait')
  const { media } = await upload('before.jpg', await picture())
  if (!media) throw new Error(`The version ${from} accepts no upload.`)
  await project.up('--build', '--remove-orphans')
  checks.equal('an upgrade keeps earlier uploads', await lost([media]), [])
  const isRecovered = await becomes(
    async () => (await upload(`after-${performance.now()}.jpg`, await picture())).status === 201,
    10_000,
  )
  checks.holds('uploads succeed after an upgrade', isRecovered)
  const doctor = await project.attempt('exec', '-T', 'web', 'mediaport', 'doctor')
  checks.holds('doctor finds nothing after an upgrade', doctor.status === 0, doctor.stdout + doctor.stderr)
  await before.remove()
}
