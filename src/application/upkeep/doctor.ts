import { err, ok, type Result, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaEvent } from '../../domain/media/events.ts'
import { type MediaId, type StorageKey, storageKey } from '../../domain/media/ids.ts'
import {
  type FileRef,
  fileRef,
  isDiscardable,
  type Media,
  needsFile,
  type Receiving,
} from '../../domain/media/media.ts'
import { expire, type FenceLost } from '../../domain/media/transitions.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Policy } from '../policy.ts'
import type { FileStorage, ListedFile } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from './discard-media.ts'
import { examineDocuments, examineTitles, type ProjectionFinding } from './doctor-projections.ts'

export interface FileFinding extends FileRef {
  readonly problem:
    | 'file-missing'
    | 'file-of-another-size'
    /** Its lease ran out long ago and nobody put it away: does a worker run? */
    | 'upload-stuck'
    /** Bytes that nothing wants are there, or were never known to be deleted: does a worker run? */
    | 'never-discarded'
    /** Stored long ago, and nothing is known of what it says of itself: does a worker run? */
    | 'never-described'
    /** No row knows it, and it is too old to be on its way in or out. */
    | 'unknown-file'
    /** The row names a storage that is not configured here, so nothing is known of its file. */
    | 'unknown-storage'
  readonly detail: string
}

export type Finding = FileFinding | ProjectionFinding

export interface Examination {
  readonly findings: readonly Finding[]
  readonly rows: number
  readonly files: number
  readonly documents: number
  readonly titles: number
}

export interface Doctor {
  /** Compares every row with every storage and every projection, and changes nothing. Takes memory for each row's key. */
  readonly examine: () => ResultAsync<Examination, Unavailable>
  /**
   * Lets the jobs of the finding's row be done once more, and puts away an upload that is stuck; what a projection has
   * beyond the rows is taken out of it. What no row can tell is not mended.
   */
  readonly repair: (finding: Finding) => ResultAsync<void, Unavailable>
  /** Deletes an unknown file, if there is still no row that needs it. */
  readonly deleteUnknown: DiscardMedia
}

const PAGE = 1000
/** How much later than it should have happened something has to be before it is a finding, in seconds. */
const PATIENCE = 300

export const doctor = (
  ports: Pick<Ports, 'media' | 'storages' | 'metadata' | 'titles'>,
  { leaseSeconds, forgetAfterSeconds }: Policy,
  discardMedia: DiscardMedia,
): Doctor => {
  const { media, storages, metadata, titles } = ports
  const judgeFile = (storage: FileStorage, file: ListedFile, row: Media | undefined): FileFinding[] => {
    const { key, size, modifiedAt } = file
    if (!row)
      return isOlder(modifiedAt, forgetAfterSeconds)
        ? [finding({ id: idIn(key), storage: storage.name, storageKey: key }, 'unknown-file', `${size} bytes`)]
        : []
    if (row.state === 'stored' && row.sizeBytes !== size)
      return [finding(row, 'file-of-another-size', `${size} of ${row.sizeBytes} bytes`)]
    return isDiscardable(row) && row.discardedAt && isOlder(row.discardedAt, PATIENCE)
      ? [finding(row, 'never-discarded', `${size} bytes came after it was ${row.state}`)]
      : []
  }

  const judgeRow = (row: Media): FileFinding[] => {
    if (row.state === 'receiving' && isOlder(row.leaseExpiresAt, PATIENCE))
      return [finding(row, 'upload-stuck', `since ${row.leaseExpiresAt.toISOString()}`)]
    return isDiscardable(row) && !row.discardedAt && isOlder(row.createdAt, leaseSeconds + PATIENCE)
      ? [finding(row, 'never-discarded', row.state)]
      : []
  }

  /** A list may not know of a new file yet; of an old one, what else the storage says may be a copy that it serves on. */
  const isGone = async (row: Media): Promise<Result<boolean, Unavailable>> => {
    const storage = findStorage(storages, row.storage)
    if (storage.isErr()) return err(storage.error)
    if (isOlder(row.createdAt, PATIENCE) && !wasMoved(row)) return ok(true)
    const file = await storage.value.open(row.storageKey)
    if (file.isErr()) return file.error.type === 'unavailable' ? err(file.error) : ok(true)
    await file.value[Symbol.asyncIterator]().return?.()
    return ok(false)
  }

  return {
    examine: () =>
      safeTry(async function* () {
        const findings: Finding[] = []
        const rows = new Map<MediaId, Media>()
        for (let after: MediaId | undefined; ; ) {
          const page = yield* media.scan(after, PAGE)
          for (const row of page) rows.set(row.id, row)
          after = page.at(-1)?.id
          if (after === undefined) break
        }

        const seen = new Set<string>()
        for (const storage of storages)
          for (let after: StorageKey | undefined; ; ) {
            const page = yield* storage.list(after)
            for (const file of page) {
              const row = rows.get(idIn(file.key))
              seen.add(placeOf({ storage: storage.name, storageKey: file.key }))
              findings.push(...judgeFile(storage, file, row && isAt(row, storage, file) ? row : undefined))
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
          findings.push(...judgeRow(row))
          if (row.state !== 'stored') continue
          const isThere = seen.has(placeOf(row))
          const isDescribed = documents.described.has(row.id) || !isOlder(row.createdAt, PATIENCE)
          if (isThere && isDescribed) continue
          // It may have been deleted, or described, since it was read.
          const now = yield* findRow(media, row.id)
          if (!now || !needsFile(now, row.storageKey)) continue
          if (!isThere) {
            if (yield* await isGone(now)) findings.push(finding(row, 'file-missing', `${row.sizeBytes} bytes`))
          } else if (!(yield* metadata.find(row.id, row.attempt))) findings.push(finding(row, 'never-described', ''))
        }
        findings.push(...documents.findings, ...cached.findings)
        const counts = { rows: rows.size, files: seen.size, documents: documents.described.size, titles: cached.titles }
        return ok({ findings, ...counts })
      }),

    repair: (finding) => {
      if (finding.problem === 'unknown-document') return metadata.remove(finding.id, finding.attempt)
      if (finding.problem === 'wrong-title') return titles.remove(finding.id, finding.version)
      return media
        .update<Media, FenceLost>(finding.id, (row, now) =>
          row.state === 'receiving' ? expire(row, now) : ok({ media: row, events: [lastEventOf(row)] }),
        )
        .map(() => undefined)
        .orElse((error) => (error.type === 'unavailable' ? err(error) : ok()))
    },

    deleteUnknown: discardMedia,
  }
}

const placeOf = ({ storage, storageKey }: Pick<FileRef, 'storage' | 'storageKey'>): string => `${storage} ${storageKey}`

/** A key begins with its media's id; a name that is none of ours belongs to no row. */
const idIn = (key: StorageKey): MediaId => key.slice(0, 36) as MediaId

const isAt = (row: Media, storage: FileStorage, file: ListedFile): boolean =>
  row.storage === storage.name && row.storageKey === file.key

const finding = (where: FileRef, problem: FileFinding['problem'], detail: string): FileFinding => {
  const { id, storage, storageKey } = where
  return { id, storage, storageKey, problem, detail }
}

/** Then its file is younger than its row. */
const wasMoved = (row: Media): boolean => row.storageKey !== storageKey(row.id, row.attempt)

const isOlder = (date: Date, seconds: number): boolean => date.getTime() + seconds * 1000 < Date.now()

/** What happened last to this row: telling it again makes its jobs be done again. */
function lastEventOf(row: Exclude<Media, Receiving>): MediaEvent {
  if (row.state === 'stored') return { type: 'media-stored', id: row.id, attempt: row.attempt }
  return { type: row.state === 'deleted' ? 'media-deleted' : 'media-abandoned', ...fileRef(row) }
}
