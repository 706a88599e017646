/** Where files are: in one storage, or on their way from one to another. */
export const STORAGE_KINDS = ['memory', 'filesystem', 'imagekit', 'moving'] as const

export type StorageKind = (typeof STORAGE_KINDS)[number]

/** What can go wrong at one effect. */
export const MODES = [
  'crash before',
  'crash after',
  /** Half of the bytes are written, and the process dies. */
  'torn',
  /** Nothing is done, and the caller is told that it failed. */
  'refused',
  /** It is done, and the caller is told that it failed. */
  'answer lost',
  /** The caller is told that it failed; it is done afterwards, when others have cleaned up once. */
  'lands later',
  /** Nothing is done, and the caller is told so: the database refused it because of one of its items. */
  'rolled back',
  /** The process is paused before it, until others have cleaned up once; then it goes on. */
  'late',
  /** The same, and it dies as soon as the effect is done. */
  'late, then dead',
  /** The process is paused, and before it goes on the cache loses all that it knew. */
  'late, cache lost',
  /** The process is paused until others have forgotten all about it. */
  'very late',
  /** The process is paused within its transaction, whose rows stay locked until it goes on and commits. */
  'late, holding locks',
  'power cut before',
  'power cut after',
] as const

export type Mode = (typeof MODES)[number]

/** One fault: at which effect, counted from the start or from the fault before it, and which of its modes. */
export interface Fault {
  readonly at: number
  /** One of the effect's modes by name, or by a number of any size that picks one. */
  readonly mode: Mode | number
}

const READS =
  /^(media\.(get|list|due|scan)|storage\.(open|list|bytes)|(metadata|titles)\.(find|list)|disk\.(open|readdir|stat|read|close)|imagekit\.(list|deliver))$/
/** Requests over a network, which may arrive when their sender has long given them up. What takes a lock first can't. */
const DETACHED = /^(media\.(add|addMany|renew|forget)|metadata\.(save|remove)|titles\.(put|remove))$/
/** Transactions that share a commit, and those that lock rows. */
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

/** Whether it changes nothing, so that only its answer can be late. */
export const isRead = (method: string): boolean => READS.test(method)

export const methodOf = (effect: string): string => effect.slice(effect.lastIndexOf(' ') + 1)

/** Whether somebody's answer comes late because of it; R2 gives such histories more time. */
export const isSlow = (mode: Mode): boolean => /late/.test(mode)

/** In ms. Others clean up for the first time within a lease and a cycle, and for the second time 3 s after that. */
export const PAUSE = 4_000
export const LONG_PAUSE = 12_000
export const LANDS_AFTER = 2_000
