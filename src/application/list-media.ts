import { createHash } from 'node:crypto'
import { err, ok, type Result, type ResultAsync, safeTry } from 'neverthrow'
import { isMediaId, type Stored } from '../domain/media.ts'
import { type InvalidTag, parseTag } from '../domain/tag.ts'
import type { Ports } from './mediaport.ts'
import type { Place } from './ports/media-repository.ts'
import type { Unavailable } from './ports/unavailable.ts'

export interface Listing {
  /** Whose; everybody's when absent. */
  readonly owner?: string | undefined
  /** Only media that have this tag, in any spelling of it. */
  readonly tag?: string | undefined
  /** How many, 1–100; 20 by default. */
  readonly limit?: number | undefined
  /** `next` of the page before, asked with the same owner and tag. */
  readonly cursor?: string | undefined
}

export interface Page {
  readonly items: readonly Stored[]
  /** For the next page; null when this is the last. */
  readonly next: string | null
}

export interface InvalidQuery {
  readonly type: 'invalid-query'
  readonly parameter: string
  readonly reason: string
}

export interface InvalidCursor {
  readonly type: 'invalid-cursor'
}

export type ListMedia = (
  listing?: Listing,
) => ResultAsync<Page, InvalidQuery | InvalidCursor | InvalidTag | Unavailable>

export const MAX_LIMIT = 100

/** Stored media, newest first. Pages neither repeat nor skip what was there when the first was asked for. */
export const listMedia =
  ({ media }: Pick<Ports, 'media'>): ListMedia =>
  ({ owner, tag: rawTag, limit = 20, cursor } = {}) =>
    safeTry(async function* () {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
        return err({
          type: 'invalid-query',
          parameter: 'limit',
          reason: `a whole number from 1 to ${MAX_LIMIT}`,
        } as const)
      const tag = rawTag === undefined ? undefined : yield* parseTag(rawTag)
      const scope = createHash('sha256')
        .update(JSON.stringify([owner, tag]))
        .digest('hex')
        .slice(0, 16)
      const after = cursor === undefined ? undefined : yield* parseCursor(cursor, scope)
      const found = yield* media.list({ owner, tag, after, limit: limit + 1 })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return ok({ items, next: found.length > limit && last ? formatCursor(last, scope) : null })
    })

const formatCursor = ({ createdAt, id }: Place, scope: string): string =>
  Buffer.from(`${createdAt.getTime()} ${id} ${scope}`).toString('base64url')

function parseCursor(cursor: string, scope: string): Result<Place, InvalidCursor> {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [time = '', id = '', asked] = text.split(' ')
  return /^\d{1,15}$/.test(time) && isMediaId(id) && asked === scope
    ? ok({ createdAt: new Date(Number(time)), id })
    : err({ type: 'invalid-cursor' })
}
