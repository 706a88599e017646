/** Restores a backup of the database without its files. `doctor` must report the differences and delete nothing. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { run } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { folderUntilExit } from '../support/processes.ts'
import { request, upload } from './client.ts'
import { filesIn, readStores } from './stores.ts'
import { until, useInstallation } from './suite.ts'

const EACH = 5

const installation = await useInstallation('filesystem', { FORGET_AFTER_SECONDS: '1' })
const { log, variables } = installation

const postgres = (program: string, ...args: string[]) =>
  promisify(execFile)(join(process.env['POSTGRES_BIN'] ?? '', program), args)
const files = async () => [...(await filesIn(variables['DATA_DIR'] ?? '')).keys()].toSorted()
const hasNoJobs = async () => (await readStores(installation)).jobs.length === 0

async function uploadMany(url: string, what: string): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < EACH; n++) ids.push(String((await upload(url, log, { title: `${what} ${n}` })).body['id']))
  return ids.toSorted()
}

test('the database is restored from a backup without the files', async ({ onTestFinished }) => {
  const { url } = await installation.start()
  const dump = join(folderUntilExit(), 'dump')
  const kept = await uploadMany(url, 'kept')
  const deleted = await uploadMany(url, 'deleted after the backup')
  await until('no job is left', hasNoJobs)
  await postgres('pg_dump', '--format=custom', `--file=${dump}`, installation.database.url)
  const late = await uploadMany(url, 'uploaded after the backup')
  for (const id of deleted) await request(`${url}/media/${id}/`, { method: 'DELETE' })
  await until('the files are deleted', async () => (await hasNoJobs()) && (await files()).length === 2 * EACH)
  for (const each of installation.running) await installation.kill(each, 'SIGTERM')

  const database = await newDatabase()
  onTestFinished(() => database.drop())
  await postgres('pg_restore', '--no-owner', `--dbname=${database.url}`, dump)
  const before = await files()
  const restored = { ...variables, DATABASE_URL: database.url }
  const examined = await run(['doctor', '--json'], restored)
  const { findings } = JSON.parse(examined.stdout) as { findings: { problem: string; id: string }[] }
  const found = (problem: string) => findings.filter((each) => each.problem === problem).map(({ id }) => id)
  expect(examined).toMatchObject({ status: 1 })
  expect(found('file-missing').toSorted()).toEqual(deleted)
  expect(found('unknown-file').toSorted()).toEqual(late)
  expect(findings.filter(({ id }) => kept.includes(id))).toEqual([])
  await run(['doctor', '--repair'], restored)
  const server = await installation.start('serve', { DATABASE_URL: database.url })
  expect(await request(`${server.url}/media/${deleted[0]}/content/`)).toMatchObject({ status: 502 })
  // Time for the reaper to delete unknown files, if it had this fault.
  await setTimeout(3000)
  await installation.kill(server)
  expect(await files()).toEqual(before)
})
