import { mkdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { pngOf } from '../samples.ts'
import { filesIn } from '../support/files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { run, ServerProcess } from './mediaport-process.ts'

describe('mediaport doctor', () => {
  const folder = temporaryFolder(afterAll)
  const variables = { DATA_DIR: join(folder, 'data') }
  const paths = new Map<string, string>()

  const doctor = async (...options: string[]) => {
    const { status, stdout } = await run(['doctor', ...options], variables)
    return { status, stdout }
  }
  const files = () => filesIn(join(folder, 'data', 'files'))

  beforeAll(async () => {
    for (const name of ['a.png', 'b.png', 'c.png']) {
      writeFileSync(join(folder, name), pngOf(5000, name))
      const { stdout } = await run(['upload', join(folder, name), '--json'], variables)
      const { media } = JSON.parse(stdout) as { media: { file_id: string } }
      paths.set(name, files().find((path) => basename(path) === media.file_id) ?? '')
    }
  })

  it('reports nothing if everything agrees', async () => {
    expect(await doctor()).toEqual({ status: 0, stdout: '3 rows, 3 files, 0 documents, 0 titles, 0 findings\n' })
  })

  it('reports a missing file and a truncated one, and repairs neither', async () => {
    const [missing = '', truncated = ''] = [paths.get('a.png'), paths.get('b.png')]
    renameSync(missing, join(folder, 'aside'))
    truncateSync(truncated, 4999)
    const { status, stdout } = await doctor('--repair')
    expect(status).toBe(1)
    expect(stdout).toContain(
      `file-missing           ${basename(missing)}  5000 bytes  only a backup can have its file\n`,
    )
    expect(stdout).toContain(
      `file-of-another-size   ${basename(truncated)}  4999 of 5000 bytes  only a backup can have its file\n`,
    )
    expect(stdout).toContain('3 rows, 2 files, 0 documents, 0 titles, 2 findings\n')
    renameSync(join(folder, 'aside'), missing)
    writeFileSync(truncated, pngOf(5000, 'b.png'))
  })

  it('reports an old file without a row but not a new one, and deletes it only with --repair --delete-unknown --yes', async () => {
    const shard = join(dirname(paths.get('a.png') ?? ''), '..', 'xx')
    const [old, recent] = [join(shard, 'stray-xx'), join(shard, 'young-xx')]
    mkdirSync(shard)
    for (const path of [old, recent]) writeFileSync(path, 'x')
    utimesSync(old, 0, 0)
    const { status, stdout } = await doctor('--json')
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 3,
      files: 5,
      findings: [
        { problem: 'unknown-file', storage: 'filesystem', storageKey: 'stray-xx', detail: '1 bytes', mended: '' },
      ],
    })
    expect((await doctor('--repair', '--delete-unknown')).stdout).toContain('kept; 1 of 5 files are unknown')
    expect(files()).toContain(old)
    await doctor('--repair', '--delete-unknown', '--yes')
    expect(files()).not.toContain(old)
    expect(files()).toContain(recent)
    rmSync(recent)
  })

  it('adds the missing jobs of a row again, and the next server runs them', async () => {
    const path = paths.get('c.png') ?? ''
    const database = await PGlite.create(join(folder, 'data', 'db'))
    await database.query(
      `update media_job set state = 'deleted', created_at = now() - interval '1 hour' where storage_key = $1`,
      [basename(path)],
    )
    await database.close()
    const { status, stdout } = await doctor('--repair')
    expect(status).toBe(1)
    expect(stdout).toContain(`never-discarded        ${basename(path)}  deleted  its jobs are added again\n`)
    expect(files()).toContain(path)

    const server = await ServerProcess.start({ ...variables, REAP_EVERY_SECONDS: '3600' })
    await vi.waitFor(() => expect(files()).not.toContain(path), { timeout: 20_000, interval: 50 })
    await server.kill('SIGTERM')
    expect(await doctor()).toMatchObject({ status: 0 })
  })
})
