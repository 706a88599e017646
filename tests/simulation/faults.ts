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

/** A fault that happened, and the number of its effect, counted from 0. */
export interface FiredFault {
  /** `<task> <port>.<method>` */
  readonly effect: string
  readonly mode: Mode
  readonly at: number
}

/**
 * Performs one effect of a process on the world, which can fail.
 * @param run Performs the effect. A transaction calls `pause` before it commits.
 * @param failure Returns the error that the caller receives if the effect fails.
 * @param torn Performs half of the effect.
 */
export type Effect = <T>(
  method: string,
  run: (pause?: () => Promise<void>) => PromiseLike<T> | T,
  failure?: (mode: Mode) => unknown,
  torn?: () => void,
) => Promise<T>

/** The error of an effect that failed. */
export const LOST = new Error('simulated')

const READS =
  /^(media\.(get|list|due|scan)|storage\.(open|list|bytes)|(metadata|titles)\.(find|list)|disk\.(open|readdir|stat|read|close)|imagekit\.(list|deliver))$/
/** Requests that may arrive after their sender has given up. Statements that first take a lock cannot. */
const DETACHED = /^(media\.(add|addMany|renew|forget)|metadata\.(save|remove)|titles\.(put|remove))$/
const REMOTE_STORAGE = /^(storage\.(put|delete)|imagekit\.(upload|delete|purge))$/

/** @param effect `<task> <port>.<method>` */
export function modesOf(effect: string, storage: StorageKind): readonly Mode[] {
  const method = methodOf(effect)
  if (method === 'jobs.publish') return ['crash before', 'refused']
  const modes: Mode[] = ['crash before', 'refused', 'late', 'very late']
  if (isRead(method)) return modes
  modes.push('crash after', 'answer lost', 'late, then dead')
  if (method === 'disk.write') modes.push('torn')
  if (DETACHED.test(method) || (storage !== 'filesystem' && REMOTE_STORAGE.test(method))) modes.push('lands later')
  // Transactions that share a commit, and transactions that lock rows.
  if (/^media\.\w+Many$/.test(method)) modes.push('rolled back')
  if (/^media\.(add|update)(Many)?$/.test(method)) modes.push('late, holding locks')
  if (method.startsWith('titles.')) modes.push('late, cache lost')
  if (storage === 'filesystem') modes.push('power cut before', 'power cut after')
  return modes
}

/** Whether the method changes nothing, so that only its answer can be late. */
export const isRead = (method: string): boolean => READS.test(method)

export const methodOf = (effect: string): string => effect.slice(effect.lastIndexOf(' ') + 1)

/** Faults of a projection store may delay titles and documents, but affect nothing else. */
export const touchesProjectionOnly = ({ effect, mode }: FiredFault): boolean =>
  /^(metadata|titles)\./.test(methodOf(effect)) &&
  (mode === 'refused' || mode === 'answer lost' || mode === 'lands later')
