import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from 'neverthrow'
import type { LocalFile } from './client.ts'

/** A path that cannot be uploaded. */
export interface UnusablePath {
  readonly path: string
  readonly code: 'unreadable' | 'not-a-file'
  readonly message: string
}

/**
 * Yields the file at `path`, or all files in the folder and its subfolders, sorted by name. Links to folders inside a
 * folder are not followed, because they may form a cycle.
 */
export async function* findFiles(path: string, isLink = false): AsyncGenerator<Result<LocalFile, UnusablePath>> {
  try {
    const stats = await stat(path)
    if (stats.isFile()) yield ok({ path, size: stats.size, modifiedAt: stats.mtime })
    else if (!stats.isDirectory())
      yield err({ path, code: 'not-a-file', message: 'The path is neither a file nor a folder.' })
    else if (isLink)
      yield err({ path, code: 'not-a-file', message: 'The path is a link to a folder. Upload the folder itself.' })
    else {
      const entries = await readdir(path, { withFileTypes: true })
      for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
        yield* findFiles(join(path, entry.name), entry.isSymbolicLink())
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    yield err({ path, code: 'unreadable', message: REASON_TEXTS[code] ?? `The file cannot be read (${code}).` })
  }
}

const REASON_TEXTS: Record<string, string> = {
  ENOENT: 'The file does not exist.',
  EACCES: 'You have no permission to read the file.',
  ELOOP: 'The path contains too many links.',
}
