import { ok, ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { examineDocuments, examineTitles } from '../upkeep/doctor-projections.ts'
import type { CacheTitle } from './cache-title.ts'
import type { DescribeMedia } from './describe-media.ts'

export interface Rebuilding {
  readonly metadata: boolean
  readonly titles: boolean
  /** Told now and then how many media have been seen to. */
  readonly onProgress?: (done: number) => void
}

/**
 * Makes again what the metadata store or the title cache has lost, and takes out what one that was restored from an old
 * copy has of media that are no more. What is right is left alone: it can be stopped and started again at any time,
 * beside running servers. Answers with how many media it has seen to.
 */
export type Rebuild = (what: Rebuilding) => ResultAsync<number, Unavailable>

const PAGE = 100
const AT_ONCE = 5

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
        const page = yield* ports.media.scan(after, PAGE)
        const stored = page.filter((row) => row.state === 'stored')
        for (let from = 0; from < stored.length; from += AT_ONCE) {
          const rows = stored.slice(from, from + AT_ONCE)
          if (metadata) yield* ResultAsync.combine(rows.map(describe))
          if (titles) yield* ResultAsync.combine(rows.map(({ id }) => cache(id)))
          done += rows.length
          onProgress?.(done)
        }
        after = page.at(-1)?.id
        if (after === undefined) return ok(done)
      }
    })
