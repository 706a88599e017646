import { ok, ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { examineDocuments, examineTitles } from '../upkeep/doctor-projections.ts'
import type { CacheTitle } from './cache-title.ts'
import type { DescribeMedia } from './describe-media.ts'

export interface RebuildOptions {
  readonly metadata: boolean
  readonly titles: boolean
  /** Called from time to time with the number of media items that are done. */
  readonly onProgress?: (doneItems: number) => void
}

/**
 * Makes the metadata store or the title cache complete again. Writes what is missing, and removes what belongs to no media
 * item any more, such as after a restore from an old backup. Correct entries are left as they are, so it can be stopped
 * and repeated at any time, also while servers run. Returns the number of media items it has checked.
 */
export type Rebuild = (options: RebuildOptions) => ResultAsync<number, Unavailable>

const PAGE_ROWS = 100
const PARALLEL = 5

export const rebuild =
  (ports: Pick<Ports, 'media' | 'metadata' | 'titles'>, describe: DescribeMedia, cache: CacheTitle): Rebuild =>
  ({ metadata, titles, onProgress }) =>
    safeTry(async function* () {
      if (metadata)
        for (const { id, attempt } of (yield* examineDocuments(ports)).findings)
          yield* ports.metadata.remove(id, attempt)
      if (titles)
        for (const { id, version } of (yield* examineTitles(ports)).findings) yield* ports.titles.remove(id, version)
      let done = 0
      for (let after: MediaId | undefined; ; ) {
        const page = yield* ports.media.scan(after, PAGE_ROWS)
        const stored = page.filter((row) => row.state === 'stored')
        for (let from = 0; from < stored.length; from += PARALLEL) {
          const rows = stored.slice(from, from + PARALLEL)
          if (metadata) yield* ResultAsync.combine(rows.map(describe))
          if (titles) yield* ResultAsync.combine(rows.map(({ id }) => cache(id)))
          done += rows.length
          onProgress?.(done)
        }
        after = page.at(-1)?.id
        if (after === undefined) return ok(done)
      }
    })
