import { err, ok, type Result, type ResultAsync, safeTry } from 'neverthrow'
import { type MediaId, type StorageKey, storageKey } from '../../domain/media/ids.ts'
import { type FileRef, isDiscardable, type Media, needsFile } from '../../domain/media/media.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Policy } from '../policy.ts'
import type { FileStorage, ListedFile } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { examineDocuments, examineTitles } from './doctor-projections.ts'
import type { Examination, FileFinding, Finding } from './findings.ts'

const PAGE_ROWS = 1000
/** A state is a finding only if it has lasted so much longer than it should. */
const TOLERANCE_SECONDS = 300

/** Compares all rows with all files, documents and cached titles, once. */
export const examine = (
  ports: Pick<Ports, 'media' | 'storages' | 'metadata' | 'titles'>,
  { leaseSeconds, forgetAfterSeconds }: Policy,
): (() => ResultAsync<Examination, Unavailable>) => {
  const { media, storages, metadata } = ports

  const checkFile = (storage: FileStorage, file: ListedFile, row: Media | undefined): FileFinding[] => {
    const { key, size, modifiedAt } = file
    if (!row)
      return isOlder(modifiedAt, forgetAfterSeconds)
        ? [finding({ id: idIn(key), storage: storage.name, storageKey: key }, 'unknown-file', `${size} bytes`)]
        : []
    if (row.state === 'stored' && row.sizeBytes !== size)
      return [finding(row, 'file-of-another-size', `${size} of ${row.sizeBytes} bytes`)]
    return isDiscardable(row) && row.discardedAt && isOlder(row.discardedAt, TOLERANCE_SECONDS)
      ? [finding(row, 'never-discarded', `${size} bytes were written after it was ${row.state}`)]
      : []
  }

  const checkRow = (row: Media): FileFinding[] => {
    if (row.state === 'receiving' && isOlder(row.leaseExpiresAt, TOLERANCE_SECONDS))
      return [finding(row, 'upload-stuck', `since ${row.leaseExpiresAt.toISOString()}`)]
    return isDiscardable(row) && !row.discardedAt && isOlder(row.createdAt, leaseSeconds + TOLERANCE_SECONDS)
      ? [finding(row, 'never-discarded', row.state)]
      : []
  }

  /** Lists may be stale for new files, so those are opened. For old files the list decides: opening one could hit a CDN copy. */
  const isMissing = async (row: Media): Promise<Result<boolean, Unavailable>> => {
    const storage = findStorage(storages, row.storage)
    if (storage.isErr()) return err(storage.error)
    if (isOlder(row.createdAt, TOLERANCE_SECONDS) && !wasMoved(row)) return ok(true)
    const file = await storage.value.open(row.storageKey)
    if (file.isErr()) return file.error.type === 'unavailable' ? err(file.error) : ok(true)
    await file.value[Symbol.asyncIterator]().return?.()
    return ok(false)
  }

  return () =>
    safeTry(async function* () {
      const findings: Finding[] = []
      const rows = new Map<MediaId, Media>()
      for (let after: MediaId | undefined; ; ) {
        const page = yield* media.scan(after, PAGE_ROWS)
        for (const row of page) rows.set(row.id, row)
        after = page.at(-1)?.id
        if (after === undefined) break
      }

      const listed = new Set<string>()
      for (const storage of storages)
        for (let after: StorageKey | undefined; ; ) {
          const page = yield* storage.list(after)
          for (const file of page) {
            const row = rows.get(idIn(file.key))
            listed.add(placeOf({ storage: storage.name, storageKey: file.key }))
            findings.push(...checkFile(storage, file, row && isAt(row, storage, file) ? row : undefined))
          }
          after = page.at(-1)?.key
          if (after === undefined) break
        }

      const documents = yield* examineDocuments(ports, rows)
      const cached = yield* examineTitles(ports, rows)
      for (const row of rows.values()) {
        if (findStorage(storages, row.storage).isErr()) {
          findings.push(finding(row, 'unknown-storage', `${row.storage} is not configured here`))
          continue
        }
        findings.push(...checkRow(row))
        if (row.state !== 'stored') continue
        const isListed = listed.has(placeOf(row))
        const isDescribed = documents.described.has(row.id) || !isOlder(row.createdAt, TOLERANCE_SECONDS)
        if (isListed && isDescribed) continue
        // It may have been deleted or described since the row was read.
        const current = yield* findRow(media, row.id)
        if (!current || !needsFile(current, row.storageKey)) continue
        if (!isListed) {
          if (yield* await isMissing(current)) findings.push(finding(row, 'file-missing', `${row.sizeBytes} bytes`))
        } else if (!(yield* metadata.find(row.id, row.attempt))) findings.push(finding(row, 'never-described', ''))
      }
      findings.push(...documents.findings, ...cached.findings)
      const counts = { rows: rows.size, files: listed.size, documents: documents.described.size, titles: cached.titles }
      return ok({ findings, ...counts })
    })
}

const placeOf = ({ storage, storageKey }: Pick<FileRef, 'storage' | 'storageKey'>): string => `${storage} ${storageKey}`

/** A key starts with the id of its media item. The name of a foreign file gives an id that no row has. */
const idIn = (key: StorageKey): MediaId => key.slice(0, 36) as MediaId

const isAt = (row: Media, storage: FileStorage, file: ListedFile): boolean =>
  row.storage === storage.name && row.storageKey === file.key

const finding = (file: FileRef, problem: FileFinding['problem'], detail: string): FileFinding => {
  const { id, storage, storageKey } = file
  return { id, storage, storageKey, problem, detail }
}

/** Then its file is newer than its row. */
const wasMoved = (row: Media): boolean => row.storageKey !== storageKey(row.id, row.attempt)

const isOlder = (date: Date, seconds: number): boolean => date.getTime() + seconds * 1000 < Date.now()
