import type { History, Operation } from './log.ts'

/** How old a title may be that is read from the cache, in ms; of nothing else may anything be old. */
export const TITLE_AGE = 60_000

/** A media as one operation saw it. */
interface Sight {
  readonly by: Operation
  readonly id: string
  readonly isThere: boolean
  readonly version?: number | undefined
  readonly title?: string | undefined
}

/**
 * Whether a history can be that of one register a media, which an upload makes, a rename moves to the next version and a
 * deletion ends for good.
 * @returns what can't be, in words.
 */
export function anomaliesIn(history: History): readonly string[] {
  const { operations } = history
  const sights = operations.flatMap((operation) => sightsOf(operation)).concat(missedByLists(operations))
  const deletions = operations.filter(({ what }) => what === 'delete')
  const deletionsOf = Map.groupBy(deletions, ({ id }) => id ?? '')
  const titlesOf = Map.groupBy(
    operations.filter(({ what, status }) => what === 'title' && status === 200),
    ({ id }) => id ?? '',
  )
  const asked = new Set(operations.map((operation) => operation.asked))
  const ofMedia = [...Map.groupBy(sights, ({ id }) => id)].flatMap(([id, seen]) => {
    const gone = goneFrom(seen, deletionsOf.get(id) ?? [])
    return [
      ...lossesIn(seen, deletionsOf.get(id) ?? []),
      ...resurrectionsIn(seen, gone),
      ...stepsBackIn(seen),
      ...disagreementsIn(seen, asked),
      ...oldTitlesIn(seen, titlesOf.get(id) ?? [], gone, asked),
    ]
  })
  return [...ofMedia, ...halvesIn(history), ...othersIn(operations)]
}

/** What an answer says of the media that it is about. A title may be old, so it says nothing by itself. */
function sightsOf(by: Operation): Sight[] {
  const { what, status, id, version, title, items } = by
  if (what === 'title') return []
  if (what === 'list') return (items ?? []).map((item) => ({ by, isThere: true, ...item }))
  if (id === undefined || (status !== 404 && !isSuccess(by))) return []
  if (what === 'delete' && status === 204) return []
  return [{ by, id, isThere: status !== 404, version, title }]
}

/** A list of all that there is says of every media that was known before that it is not there, or shows it. */
function missedByLists(operations: readonly Operation[]): Sight[] {
  const uploads = operations.filter(({ what, status }) => what === 'upload' && status === 201)
  return operations
    .filter(({ isWhole }) => isWhole)
    .flatMap((by) => {
      const shown = new Set(by.items?.map(({ id }) => id))
      const missed = uploads.filter(({ id = '', returned }) => returned < by.called && !shown.has(id))
      return missed.map(({ id = '' }) => ({ by, id, isThere: false }))
    })
}

/** From when on nobody may see it: somebody was told that it is deleted, or that it is not there. */
function goneFrom(seen: readonly Sight[], deletions: readonly Operation[]): number {
  const told = deletions.filter(({ status }) => status === 204).map(({ returned }) => returned)
  const missed = seen.filter(({ isThere }) => !isThere).map(({ by }) => by.returned)
  return Math.min(...told, ...missed)
}

/** Not there, though nobody had asked for its deletion. */
function lossesIn(seen: readonly Sight[], deletions: readonly Operation[]): string[] {
  const askedFrom = Math.min(...deletions.filter(({ status }) => status !== 404).map(({ called }) => called))
  return seen
    .filter(({ isThere, by }) => !isThere && by.returned < askedFrom)
    .map(({ id, by }) => `lost: ${id} is not there for ${nameOf(by)}, and nobody had deleted it`)
}

function resurrectionsIn(seen: readonly Sight[], gone: number): string[] {
  return seen
    .filter(({ isThere, by }) => isThere && by.called > gone)
    .map(({ id, by }) => `back: ${id} is there for ${nameOf(by)}, ${Math.round(by.called - gone)} ms after it was gone`)
}

/** What was seen before an operation began is the least that it may see. */
function stepsBackIn(seen: readonly Sight[]): string[] {
  const versions = seen.filter(({ version }) => version !== undefined)
  const ended = versions.toSorted((a, b) => a.by.returned - b.by.returned)
  let newest = 0
  let next = 0
  return versions
    .toSorted((a, b) => a.by.called - b.by.called)
    .flatMap(({ id, by, version = 0 }) => {
      for (let end = ended[next]; end && end.by.returned < by.called; end = ended[++next])
        newest = Math.max(newest, end.version ?? 0)
      return version < newest ? [`older: ${id} has version ${version} for ${nameOf(by)}, after ${newest}`] : []
    })
}

/** A version has one title, which somebody has asked for; and who changed it gets what they asked for. */
function disagreementsIn(seen: readonly Sight[], asked: ReadonlySet<string | undefined>): string[] {
  const titles = new Map<number, string>()
  return seen.flatMap(({ id, by, version, title }) => {
    if (version === undefined || title === undefined) return []
    const known = titles.get(version) ?? title
    titles.set(version, known)
    const isOwn = by.what !== 'rename' || title === by.asked
    if (known === title && asked.has(title) && isOwn) return []
    return [`mixed: version ${version} of ${id} is called ${title} for ${nameOf(by)}, and ${known} for others`]
  })
}

/** Titles may be old, but not for long, and not when everything is at rest. */
function oldTitlesIn(
  seen: readonly Sight[],
  reads: readonly Operation[],
  gone: number,
  asked: ReadonlySet<string | undefined>,
): string[] {
  const versions = new Map(seen.flatMap(({ title, version }) => (version === undefined ? [] : [[title, version]])))
  /** When each version was first known to be, for those that come after it. */
  const knownFrom = seen.map(({ version = 0, by }) => ({ version, from: by.returned }))
  return reads.flatMap((by) => {
    const { id, title, called, isSettled = false } = by
    const since = isSettled ? called : called - TITLE_AGE
    const version = versions.get(title)
    if (!asked.has(title)) return [`mixed: ${id} is called ${title} for ${nameOf(by)}, which nobody asked for`]
    if (gone < since)
      return [`back: ${id} has a title for ${nameOf(by)}, ${Math.round(called - gone)} ms after it was gone`]
    const newer = knownFrom.find((known) => version !== undefined && known.version > version && known.from < since)
    return newer
      ? [`older: ${id} has the title of version ${version} for ${nameOf(by)}, long after ${newer.version}`]
      : []
  })
}

/** A list shows only what is complete; a content is what was sent. */
function halvesIn({ operations, completeFrom }: History): string[] {
  const digests = new Map(
    operations.filter(({ what, status }) => what === 'upload' && status === 201).map(({ id, sha256 }) => [id, sha256]),
  )
  const listed = operations.flatMap((by) =>
    (by.items ?? [])
      .filter(({ sha256 }) => (completeFrom.get(sha256) ?? Number.POSITIVE_INFINITY) > by.returned)
      .map(({ id }) => `half: ${id} is shown to ${nameOf(by)} before it can be complete`),
  )
  const read = operations
    .filter(({ what, status }) => what === 'content' && status === 200)
    .filter(({ id, sha256 }) => digests.has(id) && digests.get(id) !== sha256)
    .map((by) => `half: ${by.id} has other bytes for ${nameOf(by)}`)
  return [...listed, ...read]
}

/** Answers that no fault explains. */
const othersIn = (operations: readonly Operation[]): string[] =>
  operations
    .filter((by) => by.status !== undefined && !isSuccess(by) && !EXPECTED.has(by.status) && !isMissing(by))
    .map((by) => `other: ${nameOf(by)} was answered ${by.status}`)

const SUCCESS = { upload: 201, delete: 204 } as const
const isSuccess = ({ what, status }: Operation): boolean =>
  status === (what === 'upload' || what === 'delete' ? SUCCESS[what] : 200)

/** Another upload under its key is under way; a store is down; the storage does not answer. */
const EXPECTED = new Set([409, 502, 503, 504])
const isMissing = ({ status, id }: Operation): boolean => status === 404 && id !== undefined

const nameOf = ({ client, what, called }: Operation): string =>
  `the ${what} of client ${client} at ${Math.round(called)} ms`
