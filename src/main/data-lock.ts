import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { err, ok, type Result } from 'neverthrow'
import { makeFolder } from './data-dir.ts'

/** Another process has opened the embedded database. With two processes data would be lost. */
export interface DataInUse {
  readonly type: 'data-in-use'
  readonly message: string
}

export interface DataLock {
  /** Records the URL of this process, so that the error of other processes can name it. */
  announce(url: string): void
  release(): void
}

/**
 * Locks the embedded database in `dataDir` for this process. The lock is an exclusive transaction on an SQLite file.
 * The kernel releases it when the process dies, while a file with a process id would remain. Throws if the folder is
 * not writable.
 */
export function lockData(dataDir: string, command: string): Result<DataLock, DataInUse> {
  makeFolder(dataDir)
  const holder = join(dataDir, 'db.holder.json')
  const path = join(dataDir, 'db.lock')
  // Checked first, because SQLite does not say why it cannot open a file.
  if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  const lock = new DatabaseSync(path)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    const { message } = error as Error
    if (!/locked|busy/i.test(message)) throw new Error(`${path}: ${message}`, { cause: error })
    return err({ type: 'data-in-use', message: inUseMessage(dataDir, holder) })
  }
  const announce = (url?: string) =>
    writeFileSync(holder, JSON.stringify({ pid: process.pid, command, url }), { mode: 0o600 })
  announce()
  return ok({ announce, release: () => lock.close() })
}

function inUseMessage(dataDir: string, holder: string): string {
  const { pid, command, url } = readHolder(holder)
  const owner = pid === undefined ? 'another process' : `"mediaport ${command}" (process ${pid})`
  const advice = url === undefined ? 'Stop that process first.' : `Use --server ${url}, or stop that process first.`
  return `The data in ${dataDir} is in use by ${owner}. ${advice}`
}

function readHolder(path: string): { pid?: number; command?: string; url?: string } {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}
