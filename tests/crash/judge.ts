import type { ClientLog, Upload } from './client-log.ts'
import { fileOf, type MediaRow, type Stores } from './stores.ts'

/** R1, R3, R6, R7: acknowledged changes that are lost, and stored rows without their file. */
export function lost(
  stores: Stores,
  digests: ReadonlyMap<string, string | undefined>,
  log: ClientLog,
): readonly string[] {
  const stored = storedOf(stores)
  const broken = stored.flatMap((row) => {
    const found = digests.get(fileOf(row))
    if (found === row.sha256) return []
    return [`${nameOf(row)} is stored, but its file ${found === undefined ? 'is missing' : 'has other bytes'}`]
  })
  return [
    ...broken,
    ...log.acknowledged.flatMap((upload) => [...upload.ids].flatMap((id) => missing(upload, id, stored))),
  ]
}

function missing({ sha256, titles, deletion }: Upload, id: string, stored: readonly MediaRow[]): readonly string[] {
  const row = stored.find((each) => each.id === id)
  if (!row) return deletion === 'none' ? [`${id} was acknowledged, but has no row`] : []
  if (deletion === 'acknowledged') return [`${id} was deleted, but has a row`]
  if (row.sha256 !== sha256) return [`${id} was acknowledged, but has other bytes`]
  if (!titles.has(row.title)) return [`${id} has the title ${row.title}, not ${[...titles].join(' or ')}`]
  return []
}

/** R4: more than one media item for one upload. */
export function doubled(stores: Stores, log: ClientLog): readonly string[] {
  const duplicates = [...Map.groupBy(storedOf(stores), (row) => row.sha256).values()].filter((rows) => rows.length > 1)
  const twice = log.acknowledged.filter(({ ids }) => ids.size > 1)
  const idsOfKeys = Map.groupBy(
    log.acknowledged.filter(({ key }) => key !== undefined),
    ({ key }) => key,
  )
  return [
    ...duplicates.map((rows) => `${rows.map(nameOf).join(' and ')} are of the same upload`),
    ...twice.map(({ key, ids }) => `${key ?? 'an upload'} was acknowledged as ${[...ids].join(' and ')}`),
    ...[...idsOfKeys].filter(([, uploads]) => uploads.length > 1).map(([key]) => `${key} was accepted for two files`),
  ]
}

/** R2, R5, R6, R7: remains without a stored row, and projections that differ from the rows. */
export function orphaned(stores: Stores, log: ClientLog): readonly string[] {
  const stored = storedOf(stores)
  const byId = new Map(stored.map((row) => [row.id, row]))
  const expected = new Set(stored.map(fileOf))
  return [
    ...stores.rows.filter(({ state }) => state !== 'stored').map((row) => `${nameOf(row)} is still ${row.state}`),
    ...stored.flatMap((row) => {
      const upload = log.of(row.sha256)
      if (!upload) return [`no client has sent ${nameOf(row)}`]
      return upload.isRefused ? [`${nameOf(row)} was refused, but has a row`] : []
    }),
    ...[...stores.files.keys()].filter((file) => !expected.has(file)).map((file) => `no row has the file ${file}`),
    ...[...stores.documents]
      .filter(([id, attempt]) => byId.get(id)?.attempt !== attempt)
      .map(([id, attempt]) => `no row has the document of ${id}.${attempt}`),
    ...stored.filter(({ id }) => !stores.documents.has(id)).map((row) => `${nameOf(row)} has no document`),
    ...(stores.titles ? wrongTitles(stored, stores.titles) : []),
    ...stores.jobs,
  ]
}

function wrongTitles(stored: readonly MediaRow[], titles: NonNullable<Stores['titles']>): readonly string[] {
  const ids = new Set(stored.map(({ id }) => id))
  const strays = [...titles].filter(([id, title]) => !ids.has(id) && !isTombstone(title))
  const others = stored.filter((row) => !isTitleOf(row, titles.get(row.id)))
  return [
    ...strays.map(([id]) => `no row has the title of ${id}`),
    ...others.map((row) => `${nameOf(row)} has another title in the cache`),
  ]
}

const storedOf = ({ rows }: Stores): readonly MediaRow[] => rows.filter(({ state }) => state === 'stored')

const nameOf = ({ id, title }: MediaRow): string => (title ? `${id} (${title})` : id)

/** A removed title keeps its version for a day. */
const isTombstone = (hash: Readonly<Record<string, string>>): boolean => Object.keys(hash).join() === 'version'

/**
 * A forgotten media item keeps a tombstone for a day. It also hides the title of a later media item with the same key.
 */
const FORGOTTEN = String(Number.MAX_SAFE_INTEGER)

function isTitleOf(
  { owner, title, tags, version }: MediaRow,
  hash: Readonly<Record<string, string>> | undefined,
): boolean {
  if (!hash) return false
  if (isTombstone(hash)) return hash['version'] === FORGOTTEN
  return (
    hash['owner'] === owner &&
    hash['title'] === title &&
    hash['tags'] === JSON.stringify(tags) &&
    hash['version'] === String(version)
  )
}
