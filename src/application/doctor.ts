import { err, ok, type ResultAsync, safeTry } from 'neverthrow'
import {
  holds,
  isUnwanted,
  type Leftover,
  type Media,
  type MediaEvent,
  type MediaId,
  type StorageKey,
} from '../domain/media.ts'
import type { DiscardMedia } from './discard-media.ts'
import { rowOf } from './get-media.ts'
import type { Ports } from './mediaport.ts'
import type { Policy } from './policy.ts'
import type { FileStorage, ListedFile } from './ports/file-storage.ts'
import type { Unavailable } from './ports/unavailable.ts'

export interface Finding extends Leftover {
  readonly problem:
    | 'file-missing'
    | 'file-of-another-size'
    /** Its lease ran out long ago and nobody put it away: does a worker run? */
    | 'upload-stuck'
    /** Bytes that nothing wants are there, or were never known to be deleted: does a worker run? */
    | 'never-discarded'
    /** No row knows it, and it is too old to be on its way in or out. */
    | 'unknown-file'
  readonly detail: string
}

export interface Examination {
  readonly findings: readonly Finding[]
  readonly rows: number
  readonly files: number
}

export interface Doctor {
  /** Compares every row with every storage and changes nothing. Takes memory for one key a row. */
  readonly examine: () => ResultAsync<Examination, Unavailable>
  /** Lets the jobs of the finding's row be done once more. What no row can tell is not mended. */
  readonly repair: (finding: Finding) => ResultAsync<void, Unavailable>
  /** Deletes an unknown file, if there is still no row that holds it. */
  readonly deleteUnknown: DiscardMedia
}

const PAGE = 1000
/** How much later than it should have happened something has to be before it is a finding, in seconds. */
const PATIENCE = 300

export const doctor = (
  { media, storages }: Pick<Ports, 'media' | 'storages'>,
  { leaseSeconds, forgetAfterSeconds }: Policy,
  discardMedia: DiscardMedia,
): Doctor => {
  const judgeFile = (storage: FileStorage, file: ListedFile, row: Media | undefined): Finding[] => {
    const { key, size, modifiedAt } = file
    if (!row)
      return isOlder(modifiedAt, forgetAfterSeconds)
        ? [finding({ ...idIn(key), storage: storage.name, storageKey: key }, 'unknown-file', `${size} bytes`)]
        : []
    if (row.state === 'stored' && row.sizeBytes !== size)
      return [finding(row, 'file-of-another-size', `${size} of ${row.sizeBytes} bytes`)]
    return isUnwanted(row) && row.discardedAt && isOlder(row.discardedAt, PATIENCE)
      ? [finding(row, 'never-discarded', `${size} bytes came after it was ${row.state}`)]
      : []
  }

  const judgeRow = (row: Media): Finding[] => {
    if (row.state === 'receiving' && isOlder(row.leaseExpiresAt, PATIENCE))
      return [finding(row, 'upload-stuck', `since ${row.leaseExpiresAt.toISOString()}`)]
    return isUnwanted(row) && !row.discardedAt && isOlder(row.createdAt, leaseSeconds + PATIENCE)
      ? [finding(row, 'never-discarded', row.state)]
      : []
  }

  return {
    examine: () =>
      safeTry(async function* () {
        const findings: Finding[] = []
        const rows = new Map<string, Media>()
        for (let after: MediaId | undefined; ; ) {
          const page = yield* media.scan(after, PAGE)
          for (const row of page) rows.set(placeOf(row), row)
          after = page.at(-1)?.id
          if (after === undefined) break
        }

        const seen = new Set<string>()
        for (const storage of storages)
          for (let after: StorageKey | undefined; ; ) {
            const page = yield* storage.list(after)
            for (const file of page) {
              const place = placeOf({ storage: storage.name, storageKey: file.key })
              seen.add(place)
              findings.push(...judgeFile(storage, file, rows.get(place)))
            }
            after = page.at(-1)?.key
            if (after === undefined) break
          }

        for (const [place, row] of rows) {
          findings.push(...judgeRow(row))
          if (row.state !== 'stored' || seen.has(place)) continue
          // It may have been deleted since it was read.
          const now = yield* rowOf(media, row.id)
          if (now && holds(now, row.storageKey)) findings.push(finding(row, 'file-missing', `${row.sizeBytes} bytes`))
        }
        return ok({ findings, rows: rows.size, files: seen.size })
      }),

    repair: ({ id }) =>
      media
        .update(id, (row) => ok({ media: row, events: lastEventOf(row) }))
        .map(() => undefined)
        .orElse((error) => (error.type === 'not-found' ? ok() : err(error))),

    deleteUnknown: discardMedia,
  }
}

const placeOf = ({ storage, storageKey }: Pick<Leftover, 'storage' | 'storageKey'>): string =>
  `${storage} ${storageKey}`

/** A key begins with its media's id; a name that is none of ours belongs to no row. */
const idIn = (key: StorageKey): { id: MediaId } => ({ id: key.slice(0, 36) as MediaId })

const finding = ({ id, storage, storageKey }: Leftover, problem: Finding['problem'], detail: string): Finding => ({
  id,
  storage,
  storageKey,
  problem,
  detail,
})

const isOlder = (date: Date, seconds: number): boolean => date.getTime() + seconds * 1000 < Date.now()

/** What happened last to this row: telling it again makes its jobs be done again. */
function lastEventOf(row: Media): readonly MediaEvent[] {
  if (row.state === 'receiving') return []
  if (row.state === 'stored') return [{ type: 'media-stored', id: row.id }]
  const { id, storage, storageKey } = row
  return [{ type: row.state === 'deleted' ? 'media-deleted' : 'media-abandoned', id, storage, storageKey }]
}
