/** Restores a backup of the database without its files. `doctor` must report the differences and delete nothing. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { folderUntilExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { playFault, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { filesIn, readStores } from './stores.ts'
import { format, request, upload } from './timed-requests.ts'

const EACH = 5

export const restored: Part = async () => {
  const folder = folderUntilExit()
  const dump = join(folder, 'dump')
  const [installation, log] = [await Installation.open('filesystem', { FORGET_AFTER_SECONDS: '1' }), new ClientLog()]
  const server = await installation.start()
  const uploadMany = async (what: string) => {
    const ids: string[] = []
    for (let n = 0; n < EACH; n++)
      ids.push(String((await upload(server.url, log, { title: `${what} ${n}` })).body['id']))
    return ids
  }
  const kept = await uploadMany('kept')
  const deleted = await uploadMany('deleted after the backup')
  const hasNoJobs = async () => (await readStores(installation)).jobs.length === 0
  await secondsUntil(hasNoJobs)
  await postgres('pg_dump', '--format=custom', `--file=${dump}`, installation.database.url)
  const late = await uploadMany('uploaded after the backup')
  for (const id of deleted) await request(`${server.url}/media/${id}/`, { method: 'DELETE' })
  await secondsUntil(async () => (await hasNoJobs()) && (await filesOf(installation)).length === 2 * EACH)
  await installation.kill(server, 'SIGTERM')

  const database = await newDatabase()
  await postgres('pg_restore', '--no-owner', `--dbname=${database.url}`, dump)
  const variables = { ...installation.variables, DATABASE_URL: database.url }
  const row = await playFault({
    what: 'the database is restored from a backup without the files',
    tried: `${EACH} media items uploaded since the backup, ${EACH} deleted since`,
    async play(check) {
      const before = await filesOf(installation)
      const examined = await run(['doctor', '--json'], variables)
      const { findings } = JSON.parse(examined.stdout) as { findings: { problem: string; id: string }[] }
      const reports = (problem: string, ids: readonly string[]) => {
        const found = findings.filter((finding) => finding.problem === problem).map(({ id }) => id)
        return found.length === ids.length && found.every((id) => ids.includes(id))
      }
      check(`doctor ended with ${examined.status}`, examined.status === 1)
      check(`reported the missing files`, reports('file-missing', deleted))
      check(`reported the files without a row`, reports('unknown-file', late))
      check(
        `reported nothing else`,
        findings.every(({ id }) => !kept.includes(id)),
      )
      await run(['doctor', '--repair'], variables)
      const server = await installation.start('serve', { DATABASE_URL: database.url })
      const missing = await request(`${server.url}/media/${deleted[0]}/content/`)
      check(`a missing file ${format(missing)}`, missing.status === 502)
      // Time for the reaper to delete unknown files, if it had this fault.
      await setTimeout(3000)
      await installation.kill(server)
      const after = await filesOf(installation)
      check(
        `${before.length - after.length} files deleted, by doctor --repair and by a server`,
        before.join() === after.join(),
      )
    },
  })
  await installation.close()
  await database.drop()
  return [row]
}

const postgres = (program: string, ...args: string[]) =>
  promisify(execFile)(join(process.env['POSTGRES_BIN'] ?? '', program), args)

const filesOf = async ({ variables }: Installation) =>
  [...(await filesIn(variables['DATA_DIR'] ?? '')).keys()].toSorted()
