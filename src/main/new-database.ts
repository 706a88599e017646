import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { dataDir as emptyDatabase } from '@electric-sql/pglite-prepopulatedfs'
import { extract } from 'tar'

const TEMPORARY_PREFIX = 'db.new'

/**
 * Creates the embedded database in `dataDir`, unless it exists. Unpacks the empty database of PGlite into a temporary
 * folder and renames it when it is complete, so that a killed process leaves no partial database. The caller must hold
 * the data lock.
 *
 * @returns The folder of the database.
 */
export async function makeDatabase(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'db')
  if (existsSync(folder)) return folder
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Deletes the temporary folders of processes that were killed.
  for (const name of readdirSync(dataDir))
    if (name.startsWith(TEMPORARY_PREFIX)) rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  const temporaryFolder = mkdtempSync(join(dataDir, `${TEMPORARY_PREFIX}-`))
  try {
    await unpack(await emptyDatabase(), temporaryFolder)
    renameSync(temporaryFolder, folder)
    return folder
  } catch (cause) {
    rmSync(temporaryFolder, { recursive: true, force: true })
    throw new Error(`The database in ${folder} can't be created: ${(cause as Error).message}`, { cause })
  }
}

async function unpack(archive: Blob, folder: string): Promise<void> {
  const failures: string[] = []
  // `tar` only warns if it cannot write a file. Each warning is a failure, except that it made a path relative.
  const onwarn = (code: string, message: Error | string) => {
    if (code !== 'TAR_ENTRY_INFO') failures.push(String(message))
  }
  await pipeline(Readable.fromWeb(archive.stream()), extract({ cwd: folder, onwarn }))
  if (failures.length > 0) throw new Error(failures[0])
}
