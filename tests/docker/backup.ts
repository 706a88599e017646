/** Runs the commands of docs/operations.md: a backup, the loss of all volumes, a restore. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { list, lost, picture, upload } from './api.ts'
import { commandsOf } from './documented.ts'
import type { Part } from './part.ts'

export const backup: Part = async ({ project, checks }) => {
  await project.up()
  await upload('backup.jpg', await picture())
  const operations = await readFile(join(project.folder, 'docs/operations.md'), 'utf8')
  const [save, ...moreSaves] = commandsOf(operations, '### Backup')
  const [restore, ...moreRestores] = commandsOf(operations, '### Restore')
  checks.equal('docs/operations.md has one block for backup and one for restore', [moreSaves, moreRestores], [[], []])
  const before = await list()
  for (const times of ['once', 'again']) {
    const { status, stderr } = await project.shell(`set -e\n${save}`)
    checks.equal(`a backup by the documented commands, ${times}`, status === 0 ? '' : stderr, '')
  }
  await project.compose('down', '--volumes')
  const { status, stderr } = await project.shell(`set -e\n${restore}`)
  checks.equal('a restore by the documented commands', status === 0 ? '' : stderr, '')
  await project.up()
  checks.equal(
    'every media item exists with its digest',
    [(await list()).length, await lost(before)],
    [before.length, []],
  )
  const doctor = await project.attempt('exec', '-T', 'web', 'mediaport', 'doctor')
  checks.holds(
    'doctor finds nothing',
    doctor.status === 0 && /\b0 findings/.test(doctor.stdout),
    doctor.stdout + doctor.stderr,
  )
  checks.equal('uploads succeed', (await upload('restored.jpg', await picture())).status, 201)
}
