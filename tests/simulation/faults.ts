/** The storage of the files. With `moving` they are moved from one storage to another. */
export const STORAGE_KINDS = ['memory', 'filesystem', 'imagekit', 'moving'] as const

export type StorageKind = (typeof STORAGE_KINDS)[number]

/** The faults of one effect. */
export const MODES = [
  'crash before',
  'crash after',
  /** Half of the bytes are written, then the process dies. */
  'torn',
  /** Nothing is done, and the caller receives an error. */
  'refused',
  /** It is done, but the caller receives an error. */
  'answer lost',
  /** The caller receives an error. It is done later, after other processes have cleaned up once. */
  'lands later',
  /** Nothing is done, and the caller knows it: the database refused the batch because of one item. */
  'rolled back',
  /** The process is paused before it until others have cleaned up once. Then it continues. */
  'late',
  /** As `late`, but the process dies after the effect. */
  'late, then dead',
  /** As `late`, and the cache loses its data before the process continues. */
  'late, cache lost',
  /** The process is paused until others have forgotten the media item. */
  'very late',
  /** The process is paused within its transaction. Its rows stay locked until it continues and commits. */
  'late, holding locks',
  'power cut before',
  'power cut after',
] as const

export type Mode = (typeof MODES)[number]

/** A fault at the effect with the number `at`, counted from the start or from the previous fault. */
export interface Fault {
  readonly at: number
  /** A mode by name, or a number of any size that selects one of the effect's modes. */
  readonly mode: Mode | number
}

const READS =
  /^(media\.(get|list|due|scan)|storage\.(open|list|bytes)|(metadata|titles)\.(find|list)|disk\.(open|readdir|stat|read|close)|imagekit\.(list|deliver))$/
/**
 * Requests over a network, which may arrive after their sender has given up. Statements that first take a lock cannot.
 */
const DETACHED = /^(media\.(add|addMany|renew|forget)|metadata\.(save|remove)|titles\.(put|remove))$/
/** Transactions that share a commit, and transactions that lock rows. */
const SHARED = /^media\.\w+Many$/
const LOCKING = /^media\.(add|update)(Many)?$/
const REMOTE_STORAGE = /^(storage\.(put|delete)|imagekit\.(upload|delete|purge))$/

/** @param effect `<task> <port>.<method>` */
export function modesOf(effect: string, storage: StorageKind): readonly Mode[] {
  const method = methodOf(effect)
  if (method === 'jobs.publish') return ['crash before', 'refused']
  if (isRead(method)) return ['crash before', 'refused', 'late', 'very late']
  const modes: Mode[] = [
    'crash before',
    'crash after',
    'refused',
    'answer lost',
    'late',
    'late, then dead',
    'very late',
  ]
  if (method === 'disk.write') modes.push('torn')
  if (DETACHED.test(method) || (storage !== 'filesystem' && REMOTE_STORAGE.test(method))) modes.push('lands later')
  if (SHARED.test(method)) modes.push('rolled back')
  if (LOCKING.test(method)) modes.push('late, holding locks')
  if (method.startsWith('titles.')) modes.push('late, cache lost')
  if (storage === 'filesystem') modes.push('power cut before', 'power cut after')
  return modes
}

/** Whether the method changes nothing, so that only its answer can be late. */
export const isRead = (method: string): boolean => READS.test(method)

export const methodOf = (effect: string): string => effect.slice(effect.lastIndexOf(' ') + 1)

/** Whether the mode delays an answer. R2 allows more time in such histories. */
export const isSlow = (mode: Mode): boolean => /late/.test(mode)

/** In ms. Other processes clean up for the first time within a lease and a cycle, and for the second time 3 s later. */
export const PAUSE_MS = 4_000
export const LONG_PAUSE_MS = 12_000
export const LANDING_DELAY_MS = 2_000
