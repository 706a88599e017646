/** One request as its client saw it. Times are in milliseconds of one monotonic clock. */
export interface Operation {
  readonly what: 'upload' | 'read' | 'content' | 'metadata' | 'title' | 'list' | 'rename' | 'delete'
  readonly client: number
  readonly called: number
  /** Infinity if there was no response. Then the request may take effect at any later time. */
  readonly returned: number
  /** The HTTP status, or undefined if there was no response. */
  readonly status: number | undefined
  /** The id of the media item. Undefined for a list, and for an upload without a response. */
  readonly id?: string | undefined
  /** The media item in the response. */
  readonly version?: number | undefined
  readonly title?: string | undefined
  readonly sha256?: string | undefined
  /** The title that an upload or a rename requested. */
  readonly asked?: string | undefined
  /** The only version that a rename may replace (If-Match). */
  readonly from?: number | undefined
  readonly items?: readonly Item[] | undefined
  /** Whether the list contains all media items. */
  readonly isWhole?: boolean | undefined
  /** Whether it was called after all jobs, so that nothing may be old. */
  readonly isSettled?: boolean | undefined
}

/** A media item of a list. */
export interface Item {
  readonly id: string
  readonly version: number
  readonly title: string
  readonly sha256: string
}

export interface History {
  readonly operations: readonly Operation[]
  /** Returns the time before which no server can have had all bytes of the upload with this digest. */
  readonly completeFrom: (sha256: string) => number
}

/** The maximum age of a title that is read from the cache, in ms. Nothing else may be old. */
export const TITLE_AGE = 60_000

/** 409: another upload with the key is in progress. 503: a store is down. */
const STORES_FAIL = [409, 503]
/** 502 and 504: the file storage fails, too. */
export const STORAGE_FAILS = [...STORES_FAIL, 502, 504]

/** A media item as one operation saw it. */
interface Sight {
  readonly by: Operation
  readonly id: string
  readonly isThere: boolean
  readonly version?: number | undefined
  readonly title?: string | undefined
}

/**
 * Checks that each media item of a history behaves like one register: an upload creates it, a rename moves it to the
 * next version, and a deletion ends it for good.
 * @param expected The statuses of failures that the faults of this history explain.
 * @returns The anomalies as texts.
 */
export function anomaliesIn(history: History, expected: readonly number[] = STORES_FAIL): readonly string[] {
  const { operations } = history
  const all = operations.flatMap((operation) => sightsOf(operation)).concat(missedByLists(operations))
  const deletions = operations.filter(({ what }) => what === 'delete')
  const deletionsOf = Map.groupBy(deletions, ({ id }) => id ?? '')
  const titlesOf = Map.groupBy(
    operations.filter(({ what, status }) => what === 'title' && status === 200),
    ({ id }) => id ?? '',
  )
  const asked = new Set(operations.map((operation) => operation.asked))
  const ofMedia = [...Map.groupBy(all, ({ id }) => id)].flatMap(([id, sights]) => {
    const absentSince = absentFrom(sights, deletionsOf.get(id) ?? [])
    return [
      ...lossesIn(sights, deletionsOf.get(id) ?? []),
      ...resurrectionsIn(sights, absentSince),
      ...stepsBackIn(sights),
      ...disagreementsIn(sights, asked),
      ...oldTitlesIn(sights, titlesOf.get(id) ?? [], absentSince, asked),
    ]
  })
  return [...ofMedia, ...overwritesIn(operations), ...halvesIn(history), ...othersIn(operations, expected)]
}

/** The sights of one response. A title may be old, so it gives none. */
function sightsOf(by: Operation): Sight[] {
  const { what, status, id, version, title, items } = by
  if (what === 'title') return []
  if (what === 'list') return (items ?? []).map((item) => ({ by, isThere: true, ...item }))
  if (id === undefined || (status !== 404 && !isSuccess(by))) return []
  if (what === 'delete' && status === 204) return []
  return [{ by, id, isThere: status !== 404, version, title }]
}

/** A complete list shows every media item that was uploaded before, or proves that it does not exist. */
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

/** The time from which a media item must not be visible: a client has learned that it is deleted or does not exist. */
function absentFrom(sights: readonly Sight[], deletions: readonly Operation[]): number {
  const acknowledged = deletions.filter(({ status }) => status === 204).map(({ returned }) => returned)
  const missed = sights.filter(({ isThere }) => !isThere).map(({ by }) => by.returned)
  return Math.min(...acknowledged, ...missed)
}

/** A media item that is missing although no deletion was requested. */
function lossesIn(sights: readonly Sight[], deletions: readonly Operation[]): string[] {
  const requestedFrom = Math.min(...deletions.filter(({ status }) => status !== 404).map(({ called }) => called))
  return sights
    .filter(({ isThere, by }) => !isThere && by.returned < requestedFrom)
    .map(({ id, by }) => `lost: ${id} is missing for ${nameOf(by)}, and no client had deleted it`)
}

function resurrectionsIn(sights: readonly Sight[], absentSince: number): string[] {
  return sights
    .filter(({ isThere, by }) => isThere && by.called > absentSince)
    .map(
      ({ id, by }) =>
        `back: ${id} exists for ${nameOf(by)}, ${Math.round(by.called - absentSince)} ms after its deletion`,
    )
}

/** An operation must not see an older version than one that was seen before it was called. */
function stepsBackIn(sights: readonly Sight[]): string[] {
  const versions = sights.filter(({ version }) => version !== undefined)
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

/** A version has one title, which a client has requested. A rename returns the title that it requested. */
function disagreementsIn(sights: readonly Sight[], asked: ReadonlySet<string | undefined>): string[] {
  const titles = new Map<number, string>()
  return sights.flatMap(({ id, by, version, title }) => {
    if (version === undefined || title === undefined) return []
    const known = titles.get(version) ?? title
    titles.set(version, known)
    const isOwn = by.what !== 'rename' || title === by.asked
    if (known === title && asked.has(title) && isOwn) return []
    return [`mixed: version ${version} of ${id} has the title ${title} for ${nameOf(by)}, and ${known} for others`]
  })
}

/** A conditional rename replaces the version that it names. */
const overwritesIn = (operations: readonly Operation[]): string[] =>
  operations
    .filter(({ status, from, version }) => status === 200 && from !== undefined && version !== from + 1)
    .map((by) => `over: ${nameOf(by)} made version ${by.version} of ${by.id}, but may only replace ${by.from}`)

/** Titles may be old for a limited time, and not when everything is settled. */
function oldTitlesIn(
  sights: readonly Sight[],
  reads: readonly Operation[],
  absentSince: number,
  asked: ReadonlySet<string | undefined>,
): string[] {
  const versions = new Map(sights.flatMap(({ title, version }) => (version === undefined ? [] : [[title, version]])))
  /** The times at which each version was known to exist. */
  const knownFrom = sights.map(({ version = 0, by }) => ({ version, from: by.returned }))
  return reads.flatMap((by) => {
    const { id, title, called, isSettled = false } = by
    const since = isSettled ? called : called - TITLE_AGE
    const version = versions.get(title)
    if (!asked.has(title)) return [`mixed: ${id} has the title ${title} for ${nameOf(by)}, which no client requested`]
    if (absentSince < since)
      return [`back: ${id} has a title for ${nameOf(by)}, ${Math.round(called - absentSince)} ms after its deletion`]
    const newer = knownFrom.find((known) => version !== undefined && known.version > version && known.from < since)
    return newer
      ? [`older: ${id} has the title of version ${version} for ${nameOf(by)}, long after ${newer.version}`]
      : []
  })
}

/** A list shows only complete uploads. A content has the bytes that were sent. */
function halvesIn({ operations, completeFrom }: History): string[] {
  const digests = new Map(
    operations.filter(({ what, status }) => what === 'upload' && status === 201).map(({ id, sha256 }) => [id, sha256]),
  )
  const listed = operations.flatMap((by) =>
    (by.items ?? [])
      .filter(({ sha256 }) => completeFrom(sha256) > by.returned)
      .map(({ id }) => `half: ${id} is shown to ${nameOf(by)} before its last byte was sent`),
  )
  const read = operations
    .filter(({ what, status }) => what === 'content' && status === 200)
    .filter(({ id, sha256 }) => digests.has(id) && digests.get(id) !== sha256)
    .map((by) => `half: ${by.id} has other bytes for ${nameOf(by)}`)
  return [...listed, ...read]
}

/** Responses that no fault explains. */
const othersIn = (operations: readonly Operation[], expected: readonly number[]): string[] =>
  operations
    .filter((by) => by.status !== undefined && !isSuccess(by) && !expected.includes(by.status) && !isRefused(by))
    .map((by) => `other: ${nameOf(by)} was answered ${by.status}`)

const SUCCESS = { upload: 201, delete: 204 } as const
const isSuccess = ({ what, status }: Operation): boolean =>
  status === (what === 'upload' || what === 'delete' ? SUCCESS[what] : 200)

const isRefused = ({ status, id, from }: Operation): boolean =>
  (status === 404 && id !== undefined) || (status === 412 && from !== undefined)

const nameOf = ({ client, what, called }: Operation): string =>
  `the ${what} of client ${client} at ${Math.round(called)} ms`
