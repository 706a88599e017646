import type { StorageName, Variables } from '../installation.ts'

/** A point at which the process dies, and the scene in which it is reached. */
export interface FailPoint {
  readonly scene: SceneName
  readonly at: string
  /** The only storage that has the point. Default: both. */
  readonly on?: StorageName
  readonly variables?: Variables
  /** Whether a child process dies instead of this process. */
  readonly survives?: boolean
}

export type SceneName = 'upload' | 'retry' | 'abandoned upload' | 'change' | 'deletion'

/** The points in order, from the upload to the deletion. */
export const POINTS: readonly FailPoint[] = [
  ...within('upload', [
    'before the row',
    'row sent',
    'after the row',
    'first bytes stored',
    'half of the bytes stored',
    'all bytes stored',
    'storage complete',
    'before the commit',
    'COMMIT of the commit sent',
    'after the commit',
    'before the 201',
    'head of the 201 sent',
    '201 sent',
    'describe-media claimed',
    'file being read',
    'before the document',
    'document sent',
    'after the document',
    'describe-media done, not acknowledged',
    'cache-title claimed',
    'before the title',
    'title sent',
    'after the title',
    'cache-title done, not acknowledged',
  ]),
  { scene: 'upload', at: 'reader killed', survives: true },
  { scene: 'upload', at: 'file written, not renamed', on: 'filesystem' },
  { scene: 'upload', at: 'file renamed, folder not synced', on: 'filesystem' },
  { scene: 'upload', at: 'response of ImageKit not read', on: 'imagekit' },
  { scene: 'upload', at: 'before the request to ImageKit', on: 'imagekit', variables: { IMAGEKIT_UPLOAD: 'spool' } },
  ...within('retry', ['before the next attempt', 'COMMIT of the next attempt sent', 'after the next attempt']),
  ...within('abandoned upload', [
    'before the abandon',
    'COMMIT of the abandon sent',
    'after the abandon',
    'discard-media claimed',
    'before the first discard',
    'after the first discard',
    'before the record of the discard',
    'COMMIT of the record of the discard sent',
    'after the record of the discard',
    'before the second discard',
    'after the second discard',
    'before the row is forgotten',
    'after the row is forgotten',
  ]),
  ...within('change', [
    'before the change',
    'COMMIT of the change sent',
    'after the change',
    'before the new title',
    'new title sent',
    'after the new title',
    'before the 200',
    '200 sent',
  ]),
  ...within('deletion', [
    'before the deletion',
    'COMMIT of the deletion sent',
    'after the deletion',
    'before the 204',
    '204 sent',
    'before the first discard',
    'after the first discard',
    'after the record of the discard',
    'before the document is removed',
    'after the document is removed',
    'before the title is removed',
    'after the title is removed',
    'before the second discard',
    'after the second discard',
    'before the row is forgotten',
    'after the row is forgotten',
  ]),
]

function within(scene: SceneName, places: readonly string[]): readonly FailPoint[] {
  return places.map((at) => ({ scene, at }))
}

export const nameOf = ({ scene, at }: FailPoint): string => `${scene}: ${at}`
