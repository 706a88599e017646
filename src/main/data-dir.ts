import { accessSync, constants, mkdirSync } from 'node:fs'

/** Makes a folder unless it is there. Throws when this process can't write into it. */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  accessSync(folder, constants.W_OK | constants.X_OK)
}

/** What to do about an error that names a path in `dataDir`, in one line; its own message where it has another cause. */
export function explainFault({ message }: Error, dataDir: string): string {
  const remedy = message.includes(dataDir) && REMEDIES.find(([pattern]) => pattern.test(message))
  return remedy ? `DATA_DIR ${dataDir} ${remedy[1]}` : message
}

/** By the codes of node:fs, the words of PostgreSQL and SQLite, and the numbers of WASI, which PGlite has. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /\b(EACCES|EPERM)\b|permission denied/i,
    `can't be written by this process, which is user ${process.getuid?.()}: give it to that user with chown -R, or set another folder.`,
  ],
  [/\bEROFS\b|read-only file system/i, 'can only be read: mount it so that it can be written, or set another folder.'],
  [
    /\b(ENOSPC|EDQUOT)\b|no space left|disk is full|errno: 51\b/i,
    'has no room left: make some, or set a folder on another disk.',
  ],
  [/\b(ENOTDIR|EEXIST)\b/, 'is not a folder: set one.'],
]
