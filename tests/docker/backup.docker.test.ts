import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { list, lost, upload } from './api.ts'
import { it } from './project.ts'

withServices(['DOCKER_HOST'], 'The commands of docs/operations.md', () => {
  it('make a backup, and restore it after the loss of all volumes', async ({ project }) => {
    const saves = await project.documented('docs/operations.md', '### Backup')
    const restores = await project.documented('docs/operations.md', '### Restore')
    expect([saves.length, restores.length]).toEqual([1, 1])
    await project.up('--build')
    await upload('backup.jpg')
    const before = await list()
    expect(before).not.toEqual([])
    // The second backup replaces the first one.
    for (let times = 0; times < 2; times++) await project.shell(`set -e\n${saves[0]}`)
    await project.compose('down', '--volumes')
    await project.shell(`set -e\n${restores[0]}`)
    await project.up()
    expect([(await list()).length, await lost(before)]).toEqual([before.length, []])
    expect(await project.compose('exec', '-T', 'web', 'mediaport', 'doctor')).toMatch(/\b0 findings/)
    expect(await upload('restored.jpg')).toMatchObject({ status: 201 })
  })
})
