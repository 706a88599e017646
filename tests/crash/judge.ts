import type { ClientLog, Upload } from './client-log.ts'
import { fileOf, type Row, type Seen } from './look.ts'

/** R1, R3, R6, R7: what was acknowledged and is not so, and rows that show what is not there. */
export function lost(seen: Seen, digests: ReadonlyMap<string, string | undefined>, log: ClientLog): readonly string[] {
  const stored = storedOf(seen)
  const broken = stored.flatMap((row) => {
    const found = digests.get(fileOf(row))
    if (found === row.sha256) return []
    return [`${nameOf(row)} is stored and its file ${found === undefined ? 'is gone' : 'has other bytes'}`]
  })
  return [
    ...broken,
    ...log.acknowledged.flatMap((upload) => [...upload.ids].flatMap((id) => missing(upload, id, stored))),
  ]
}

function missing({ sha256, titles, deletion }: Upload, id: string, stored: readonly Row[]): readonly string[] {
  const row = stored.find((each) => each.id === id)
  if (!row) return deletion === 'none' ? [`${id} was acknowledged and is not there`] : []
  if (deletion === 'acknowledged') return [`${id} was deleted and is there`]
  if (row.sha256 !== sha256) return [`${id} was acknowledged and has other bytes`]
  if (!titles.has(row.title)) return [`${id} is called ${row.title}, not ${[...titles].join(' or ')}`]
  return []
}

/** R4: more than one media for one upload. */
export function doubled(seen: Seen, log: ClientLog): readonly string[] {
  const twins = [...Map.groupBy(storedOf(seen), (row) => row.sha256).values()].filter((rows) => rows.length > 1)
  const twice = log.acknowledged.filter(({ ids }) => ids.size > 1)
  const idsOfKeys = Map.groupBy(
    log.acknowledged.filter(({ key }) => key !== undefined),
    ({ key }) => key,
  )
  return [
    ...twins.map((rows) => `there are ${rows.map(nameOf).join(' and ')} of the same upload`),
    ...twice.map(({ key, ids }) => `${key ?? 'an upload'} was acknowledged as ${[...ids].join(' and ')}`),
    ...[...idsOfKeys].filter(([, uploads]) => uploads.length > 1).map(([key]) => `${key} was taken for two files`),
  ]
}

/** R2, R5, R6, R7: what is there and should not be, and projections that differ from the rows. */
export function orphaned(seen: Seen, log: ClientLog): readonly string[] {
  const stored = storedOf(seen)
  const byId = new Map(stored.map((row) => [row.id, row]))
  const wanted = new Set(stored.map(fileOf))
  return [
    ...seen.rows.filter(({ state }) => state !== 'stored').map((row) => `${nameOf(row)} is still ${row.state}`),
    ...stored.flatMap((row) => {
      const upload = log.of(row.sha256)
      if (!upload) return [`nobody has sent ${nameOf(row)}`]
      return upload.isRefused ? [`${nameOf(row)} was refused and is there`] : []
    }),
    ...[...seen.files.keys()].filter((file) => !wanted.has(file)).map((file) => `no row wants the file ${file}`),
    ...[...seen.documents]
      .filter(([id, attempt]) => byId.get(id)?.attempt !== attempt)
      .map(([id, attempt]) => `no row wants the document about ${id}.${attempt}`),
    ...stored.filter(({ id }) => !seen.documents.has(id)).map((row) => `${nameOf(row)} has no document`),
    ...(seen.titles ? strayTitles(stored, seen.titles) : []),
    ...seen.jobs,
  ]
}

function strayTitles(stored: readonly Row[], titles: NonNullable<Seen['titles']>): readonly string[] {
  const ids = new Set(stored.map(({ id }) => id))
  const strays = [...titles].filter(([id, title]) => !ids.has(id) && !isTombstone(title))
  const others = stored.filter((row) => !isTitleOf(row, titles.get(row.id)))
  return [
    ...strays.map(([id]) => `no row wants the title of ${id}`),
    ...others.map((row) => `${nameOf(row)} is cached as another`),
  ]
}

const storedOf = ({ rows }: Seen): readonly Row[] => rows.filter(({ state }) => state === 'stored')

const nameOf = ({ id, title }: Row): string => (title ? `${id} (${title})` : id)

/** What is left of a title that was taken out: its version alone, for a day. */
const isTombstone = (hash: Readonly<Record<string, string>>): boolean => Object.keys(hash).join() === 'version'

/** What keeps the titles of a forgotten media out for a day keeps out those of one that is made of the same key, too. */
const FORGOTTEN = String(Number.MAX_SAFE_INTEGER)

function isTitleOf({ owner, title, tags, version }: Row, hash: Readonly<Record<string, string>> | undefined): boolean {
  if (!hash) return false
  if (isTombstone(hash)) return hash['version'] === FORGOTTEN
  return (
    hash['owner'] === owner &&
    hash['title'] === title &&
    hash['tags'] === JSON.stringify(tags) &&
    hash['version'] === String(version)
  )
}
