import { createHash } from 'node:crypto'
import { err, ok, type Result, type ResultAsync, safeTry } from 'neverthrow'
import { isMediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import { DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS } from '../../domain/values/limits.ts'
import { type InvalidTag, parseTag } from '../../domain/values/tag.ts'
import { EVERYONE, type OwnerScope, requireOwnerScope } from '../owner.ts'
import type { Ports } from '../ports/index.ts'
import type { Place } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'

export interface ListOptions {
  /** Only media items of this owner. `EVERYONE` for those of all owners. */
  readonly owner: OwnerScope
  /** Only media items with this tag, in any spelling that `parseTag` accepts. */
  readonly tag?: string | undefined
  /** At most so many items: 1 to `MAX_PAGE_ITEMS`, by default `DEFAULT_PAGE_ITEMS`. */
  readonly limit?: number | undefined
  /** `next` of the previous page. Owner and tag must be those of that page. */
  readonly cursor?: string | undefined
}

export interface Page {
  readonly items: readonly Stored[]
  /** The cursor of the next page. `null` on the last page. */
  readonly next: string | null
}

export interface InvalidQuery {
  readonly type: 'invalid-query'
  readonly parameter: string
  /** What is wrong, as the rest of a sentence that starts with the parameter. */
  readonly reason: string
}

export interface InvalidCursor {
  readonly type: 'invalid-cursor'
}

/**
 * Lists stored media items, newest first. Pages neither repeat nor omit an item that existed when the first page was read.
 *
 * @example
 * const { items, next } = (await mediaport.listMedia({ owner: 'anna', tag: 'summer', limit: 50 }))._unsafeUnwrap()
 */
export type ListMedia = (
  options: ListOptions,
) => ResultAsync<Page, InvalidQuery | InvalidCursor | InvalidTag | Unavailable>

export const listMedia =
  ({ media }: Pick<Ports, 'media'>): ListMedia =>
  ({ owner: ownerScope, tag: rawTag, limit = DEFAULT_PAGE_ITEMS, cursor }) => {
    requireOwnerScope(ownerScope)
    const owner = ownerScope === EVERYONE ? undefined : ownerScope
    return safeTry(async function* () {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_ITEMS)
        return err({
          type: 'invalid-query',
          parameter: 'limit',
          reason: `must be a whole number from 1 to ${MAX_PAGE_ITEMS}`,
        } as const)
      const tag = rawTag === undefined ? undefined : yield* parseTag(rawTag)
      const scope = [owner, tag]
      const after = cursor === undefined ? undefined : yield* parseCursor(cursor, scope)
      const found = yield* media.list({ owner, tag, after, limit: limit + 1 })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return ok({ items, next: found.length > limit && last ? formatCursor(last, scope) : null })
    })
  }

type Scope = readonly (string | undefined)[]

/** A place in the list, and a checksum over place and query, which detects mistakes. It is not a secret. */
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
