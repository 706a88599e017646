import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Media } from '../../domain/media/media.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'

/** An entry of a projection that does not agree with the rows. It may be removed, because it can be made again. */
export type ProjectionFinding = { readonly id: MediaId; readonly detail: string } & (
  | { readonly problem: 'unknown-document'; readonly attempt: Attempt }
  | { readonly problem: 'wrong-title'; readonly version: number }
)

type Rows = ReadonlyMap<MediaId, Media>

export interface ExaminedDocuments {
  readonly findings: readonly Extract<ProjectionFinding, { problem: 'unknown-document' }>[]
  /** The media items that have a document. */
  readonly described: ReadonlySet<MediaId>
}

export interface ExaminedTitles {
  readonly findings: readonly Extract<ProjectionFinding, { problem: 'wrong-title' }>[]
  readonly titles: number
}

/** @param rows The rows as they were read before. A row that is absent or does not agree is read again. */
export const examineDocuments = (
  { media, metadata }: Pick<Ports, 'media' | 'metadata'>,
  rows: Rows = new Map(),
): ResultAsync<ExaminedDocuments, Unavailable> =>
  safeTry(async function* () {
    const findings: ExaminedDocuments['findings'][number][] = []
    const described = new Set<MediaId>()
    for (let after: MediaId | undefined; ; ) {
      const page = yield* metadata.list(after)
      for (const { id, attempt } of page) {
        described.add(id)
        if (belongsTo(rows.get(id), attempt)) continue
        const row = yield* findRow(media, id)
        if (belongsTo(row, attempt)) continue
        findings.push({
          problem: 'unknown-document',
          id,
          attempt,
          detail: row ? `the media item is ${row.state}` : 'no media item',
        })
      }
      after = page.at(-1)?.id
      if (after === undefined) return ok({ findings, described })
    }
  })

/** @param rows See `examineDocuments`. */
export const examineTitles = (
  { media, titles }: Pick<Ports, 'media' | 'titles'>,
  rows: Rows = new Map(),
): ResultAsync<ExaminedTitles, Unavailable> =>
  safeTry(async function* () {
    const findings: ExaminedTitles['findings'][number][] = []
    let cached = 0
    for (let next: string | undefined; ; ) {
      const page = yield* titles.list(next)
      for (const { id, version } of page.entries) {
        cached++
        if (isOfVersion(rows.get(id), version)) continue
        const row = yield* findRow(media, id)
        if (isOfVersion(row, version)) continue
        // The process that changed the row may have updated the entry in between.
        const entry = yield* titles.find(id)
        if (entry?.version !== version) continue
        const detail =
          row?.state === 'stored' ? `version ${version} of ${row.version}` : (row?.state ?? 'no media item')
        findings.push({ problem: 'wrong-title', id, version, detail })
      }
      next = page.next
      if (next === undefined) return ok({ findings, titles: cached })
    }
  })

const belongsTo = (row: Media | undefined, attempt: Attempt): boolean =>
  row?.state === 'stored' && row.attempt === attempt

const isOfVersion = (row: Media | undefined, version: number): boolean =>
  row?.state === 'stored' && row.version === version
