import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from 'neverthrow'
import type { LocalFile } from './client.ts'

export interface Unusable {
  readonly path: string
  readonly code: 'unreadable' | 'not-a-file'
  readonly message: string
}

/** The files at `path`, those of folders in them too, by name. Links to folders are not followed: they may lead in circles. */
export async function* findFiles(path: string, isLink = false): AsyncGenerator<Result<LocalFile, Unusable>> {
  try {
    const found = await stat(path)
    if (found.isFile()) yield ok({ path, size: found.size, modifiedAt: found.mtime })
    else if (!found.isDirectory())
      yield err({ path, code: 'not-a-file', message: 'It is neither a file nor a folder.' })
    else if (isLink)
      yield err({ path, code: 'not-a-file', message: 'It is a link to a folder; name the folder itself.' })
    else {
      const entries = await readdir(path, { withFileTypes: true })
      for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
        yield* findFiles(join(path, entry.name), entry.isSymbolicLink())
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    yield err({ path, code: 'unreadable', message: REASONS[code] ?? `It can't be read (${code}).` })
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'There is no such file.',
  EACCES: 'You may not read it.',
  ELOOP: 'Its links lead in circles.',
}
