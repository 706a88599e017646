import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { dataDir as emptyDatabase } from '@electric-sql/pglite-prepopulatedfs'
import { extract } from 'tar'

const UNFINISHED = 'db.new'

/**
 * Makes the embedded database of `dataDir` unless it is there: PGlite's own empty one is unpacked beside its place, and only
 * a whole one is moved there. The caller must hold the lock of the data.
 * @returns its folder.
 */
export async function makeDatabase(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'db')
  if (existsSync(folder)) return folder
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Processes that were killed left these.
  for (const name of readdirSync(dataDir))
    if (name.startsWith(UNFINISHED)) rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  const unfinished = mkdtempSync(join(dataDir, `${UNFINISHED}-`))
  try {
    await unpack(await emptyDatabase(), unfinished)
    renameSync(unfinished, folder)
    return folder
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    throw new Error(`The database in ${folder} can't be made: ${(cause as Error).message}`, { cause })
  }
}

async function unpack(archive: Blob, folder: string): Promise<void> {
  const failures: string[] = []
  // `tar` goes on after a file that it could not write. Only that it makes paths relative is no failure.
  const onwarn = (code: string, message: Error | string) => {
    if (code !== 'TAR_ENTRY_INFO') failures.push(String(message))
  }
  await pipeline(Readable.fromWeb(archive.stream()), extract({ cwd: folder, onwarn }))
  if (failures.length > 0) throw new Error(failures[0])
}
