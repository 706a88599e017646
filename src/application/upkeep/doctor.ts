import { setTimeout } from 'node:timers/promises'
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow'
import type { MediaEvent } from '../../domain/media/events.ts'
import { type FileRef, fileRef, type Media, type Receiving } from '../../domain/media/media.ts'
import { expire, type FenceLost } from '../../domain/media/transitions.ts'
import type { Policy } from '../policy.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from './discard-media.ts'
import { examine } from './examine.ts'
import { type Examination, type Finding, placeOfFinding } from './findings.ts'

/** Why a file that no row names was kept: so many are unknown that this looks like the wrong database. */
export interface TooManyUnknown {
  readonly type: 'too-many-unknown'
  readonly unknownFiles: number
  readonly files: number
}

export interface Doctor {
  /**
   * Compares all rows with all files, documents and cached titles. Changes nothing. Jobs of recent changes may still be
   * waiting: if there are findings that such jobs resolve, it waits for `jobsMs` and reports those that remain. Needs memory
   * for the key of each row.
   */
  readonly examine: (options?: {
    /** In milliseconds, by default 5,000. A running worker needs a second for a job. */
    readonly jobsMs?: number | undefined
  }) => ResultAsync<Examination, Unavailable>
  /**
   * Repairs what the rows can tell: adds the jobs of the row again, abandons a stuck upload, and removes entries of
   * projections that belong to no row. A missing or damaged file can only be restored from a backup.
   */
  readonly repair: (finding: Finding) => ResultAsync<void, Unavailable>
  /**
   * Deletes a file that no row names, if there is still no such row. Errs with `too-many-unknown` if more than 1 % of all
   * files are unknown, unless `force` is true.
   */
  readonly deleteUnknown: (
    file: FileRef,
    examination: Pick<Examination, 'findings' | 'files'>,
    options?: { readonly force?: boolean | undefined },
  ) => ResultAsync<void, TooManyUnknown | Unavailable>
}

const JOBS_MS = 5000
/** A larger share of unknown files is more likely a wrong database than a fault. */
const MAX_UNKNOWN_SHARE = 0.01

export const doctor = (
  ports: Pick<Ports, 'media' | 'storages' | 'metadata' | 'titles'>,
  policy: Policy,
  discardMedia: DiscardMedia,
): Doctor => {
  const { media, metadata, titles } = ports
  const compare = examine(ports, policy)

  return {
    examine: ({ jobsMs = JOBS_MS } = {}) =>
      compare().andThen((first) => {
        if (!first.findings.some(isPassing)) return okAsync(first)
        const before = new Set(first.findings.map(nameOf))
        return ResultAsync.fromSafePromise(setTimeout(jobsMs))
          .andThen(compare)
          .map((second) => ({ ...second, findings: second.findings.filter((each) => before.has(nameOf(each))) }))
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

    deleteUnknown: (file, { findings, files }, { force = false } = {}) => {
      const unknownFiles = findings.filter(({ problem }) => problem === 'unknown-file').length
      if (unknownFiles > files * MAX_UNKNOWN_SHARE && !force)
        return errAsync({ type: 'too-many-unknown', unknownFiles, files } as const)
      return discardMedia(file)
    },
  }
}

const nameOf = (finding: Finding): string => `${finding.problem} ${placeOfFinding(finding)}`

/** Whether a waiting job of a recent change may resolve it. */
const isPassing = ({ problem }: Finding): boolean =>
  problem === 'never-discarded' || problem === 'wrong-title' || problem === 'unknown-document'

/** The last event of this row. Repeating it adds its jobs again. */
function lastEventOf(row: Exclude<Media, Receiving>): MediaEvent {
  if (row.state === 'stored') return { type: 'media-stored', id: row.id, attempt: row.attempt }
  return { type: row.state === 'deleted' ? 'media-deleted' : 'media-abandoned', ...fileRef(row) }
}
