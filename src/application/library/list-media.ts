import { createHash } from 'node:crypto'
import { err, ok, type Result, type ResultAsync, safeTry } from 'neverthrow'
import { isMediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import { type InvalidTag, parseTag } from '../../domain/values/tag.ts'
import type { Ports } from '../ports/index.ts'
import type { Place } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'

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

const MAX_LIMIT = 100

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
      const scope = [owner, tag]
      const after = cursor === undefined ? undefined : yield* parseCursor(cursor, scope)
      const found = yield* media.list({ owner, tag, after, limit: limit + 1 })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return ok({ items, next: found.length > limit && last ? formatCursor(last, scope) : null })
    })

type Scope = readonly (string | undefined)[]

/** A place, and a check over it and the query: a mistake is noticed. Nothing secret is in it, nothing is gained by forging. */
const formatCursor = (place: Place, scope: Scope): string =>
  Buffer.from(`${place.createdAt.getTime()} ${place.id} ${checkOf(place, scope)}`).toString('base64url')

function parseCursor(cursor: string, scope: Scope): Result<Place, InvalidCursor> {
  const [time = '', id = '', check] = Buffer.from(cursor, 'base64url').toString().split(' ')
  const place = { createdAt: new Date(Number(time)), id }
  return isPlace(place) && check === checkOf(place, scope) && cursor === formatCursor(place, scope)
    ? ok(place)
    : err({ type: 'invalid-cursor' })
}

const isPlace = (place: { createdAt: Date; id: string }): place is Place =>
  isMediaId(place.id) && !Number.isNaN(place.createdAt.getTime())

const checkOf = ({ createdAt, id }: Place, scope: Scope): string =>
  createHash('sha256')
    .update(JSON.stringify([createdAt, id, ...scope]))
    .digest('hex')
    .slice(0, 16)
