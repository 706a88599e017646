import { accessSync, constants, mkdirSync } from 'node:fs'

/** Creates the folder, unless it exists. Throws if this process cannot write to it. */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  accessSync(folder, constants.W_OK | constants.X_OK)
}

/**
 * Returns one line that says what is wrong with `dataDir` and what to do, if the message of the error contains its
 * path. Else returns the message.
 */
export function explainFault({ message }: Error, dataDir: string): string {
  const remedy = message.includes(dataDir) && REMEDIES.find(([pattern]) => pattern.test(message))
  return remedy ? `DATA_DIR ${dataDir} ${remedy[1]}` : message
}

/** Codes of node:fs, messages of PostgreSQL and SQLite, and the error numbers of WASI, which PGlite reports. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /\b(EACCES|EPERM)\b|permission denied/i,
    `is not writable by this process, which runs as user ${process.getuid?.()}. Give it to that user with chown -R, or set another folder.`,
  ],
  [/\bEROFS\b|read-only file system/i, 'is on a read-only file system. Mount it writable, or set another folder.'],
  [
    /\b(ENOSPC|EDQUOT)\b|no space left|disk is full|errno: 51\b/i,
    'is on a disk with no space left. Free some space, or set a folder on another disk.',
  ],
  [/\b(ENOTDIR|EEXIST)\b/, 'is not a folder. Set DATA_DIR to a folder.'],
]
