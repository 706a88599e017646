import { err, ok, type Result } from 'neverthrow'
import type { FileStorage } from './ports/file-storage.ts'
import type { Ports } from './ports/index.ts'
import { type Unavailable, unavailable } from './ports/unavailable.ts'

/** Finds the storage that a row names. Errs with `unavailable` if this process was not given it. */
export function findStorage(storages: Ports['storages'], name: string): Result<FileStorage, Unavailable> {
  const storage = storages.find((each) => each.name === name)
  return storage ? ok(storage) : err(unavailable('storage')(new Error(`the storage ${name} is not configured here`)))
}
