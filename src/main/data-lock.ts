import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { err, ok, type Result } from 'neverthrow'
import { makeFolder } from './data-dir.ts'

/** Another process has the embedded database open; two would lose data. */
export interface DataInUse {
  readonly type: 'data-in-use'
  readonly message: string
}

export interface DataLock {
  /** Lets others who want the lock know where this process can be reached. */
  announce(url: string): void
  release(): void
}

/**
 * Makes this process the only one that opens the embedded database below `dataDir`. The lock is an exclusive transaction on
 * an SQLite file, which the kernel ends with the process, however it dies; a file with a process id would outlive it.
 * Throws when the folder can't be written.
 */
export function lockData(dataDir: string, command: string): Result<DataLock, DataInUse> {
  makeFolder(dataDir)
  const holder = join(dataDir, 'db.holder.json')
  const path = join(dataDir, 'db.lock')
  // SQLite does not say why it can't open a file.
  if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  const lock = new DatabaseSync(path)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    const { message } = error as Error
    if (!/locked|busy/i.test(message)) throw new Error(`${path}: ${message}`, { cause: error })
    return err({ type: 'data-in-use', message: inUse(dataDir, holder) })
  }
  const announce = (url?: string) =>
    writeFileSync(holder, JSON.stringify({ pid: process.pid, command, url }), { mode: 0o600 })
  announce()
  return ok({ announce, release: () => lock.close() })
}

function inUse(dataDir: string, holder: string): string {
  const { pid, command, url } = readHolder(holder)
  const who = pid === undefined ? 'another process' : `"mediaport ${command}" (process ${pid})`
  const where = url === undefined ? 'end it first' : `use it with --server ${url}, or end it first`
  return `The data in ${dataDir} is in use by ${who}; ${where}.`
}

function readHolder(path: string): { pid?: number; command?: string; url?: string } {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}
