/** A backup of the database alone, restored while files and other stores went on: `doctor` tells, and takes nothing away. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { ClientLog } from './client-log.ts'
import { playFault, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { filesIn, look } from './look.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, told, upload } from './told.ts'

const EACH = 5

export const restored: Part = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-restored-'))
  const dump = join(folder, 'dump')
  const [installation, log] = [await Installation.open('filesystem', { FORGET_AFTER_SECONDS: '1' }), new ClientLog()]
  const server = await installation.start()
  const many = async (what: string) => {
    const ids: string[] = []
    for (let n = 0; n < EACH; n++)
      ids.push(String((await upload(server.url, log, { title: `${what} ${n}` })).body['id']))
    return ids
  }
  const kept = await many('kept')
  const deleted = await many('deleted after the backup')
  const isDone = async () => (await look(installation)).jobs.length === 0
  await secondsUntil(isDone)
  await postgres('pg_dump', '--format=custom', `--file=${dump}`, installation.database.url)
  const late = await many('uploaded after the backup')
  for (const id of deleted) await told(`${server.url}/media/${id}/`, { method: 'DELETE' })
  await secondsUntil(async () => (await isDone()) && (await filesOf(installation)).length === 2 * EACH)
  await installation.kill(server, 'SIGTERM')

  const database = await newDatabase()
  await postgres('pg_restore', '--no-owner', `--dbname=${database.url}`, dump)
  const variables = { ...installation.variables, DATABASE_URL: database.url }
  const row = await playFault({
    what: 'the database is restored from a backup, and the files are not',
    tried: `${EACH} media uploaded since, ${EACH} deleted since`,
    async play(see) {
      const before = await filesOf(installation)
      const examined = await run(['doctor', '--json'], variables)
      const { findings } = JSON.parse(examined.stdout) as { findings: { problem: string; id: string }[] }
      const named = (problem: string, ids: readonly string[]) => {
        const found = findings.filter((finding) => finding.problem === problem).map(({ id }) => id)
        return found.length === ids.length && found.every((id) => ids.includes(id))
      }
      see(`doctor ended with ${examined.status}`, examined.status === 1)
      see(`named those whose files are missing`, named('file-missing', deleted))
      see(`named those that no row knows`, named('unknown-file', late))
      see(
        `said nothing of the others`,
        findings.every(({ id }) => !kept.includes(id)),
      )
      await run(['doctor', '--repair'], variables)
      const server = await installation.start('serve', { DATABASE_URL: database.url })
      const missing = await told(`${server.url}/media/${deleted[0]}/content/`)
      see(`a missing file ${inWords(missing)}`, missing.status === 502)
      // Time for the reaper, if it were one to take what no row knows.
      await setTimeout(3000)
      await installation.kill(server)
      const after = await filesOf(installation)
      see(
        `${before.length - after.length} files deleted, by doctor --repair and a server`,
        before.join() === after.join(),
      )
    },
  })
  await installation.close()
  await database.drop()
  await rm(folder, { recursive: true })
  return [row]
}

const postgres = (program: string, ...args: string[]) =>
  promisify(execFile)(join(process.env['POSTGRES_BIN'] ?? '', program), args)

const filesOf = async ({ variables }: Installation) =>
  [...(await filesIn(variables['DATA_DIR'] ?? '')).keys()].toSorted()

if (import.meta.main) await runAlone(restored)
