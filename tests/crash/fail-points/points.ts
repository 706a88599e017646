import type { StorageName, Variables } from '../installation.ts'

/** What goes on when the process dies, and where in it. */
export interface FailPoint {
  readonly scene: SceneName
  readonly at: string
  /** Only with this storage; both have it unless told. */
  readonly on?: StorageName
  readonly variables?: Variables
  /** It is another process that dies there, and this one goes on. */
  readonly survives?: boolean
}

export type SceneName = 'upload' | 'second try' | 'left upload' | 'change' | 'deletion'

/** The steps, in order, as `S1` … of an upload, its clearing away, a change and a deletion. */
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
    'document on its way',
    'after the document',
    'describe-media done, nobody knows',
    'cache-title claimed',
    'before the title',
    'title sent',
    'after the title',
    'cache-title done, nobody knows',
  ]),
  { scene: 'upload', at: 'reader killed', survives: true },
  { scene: 'upload', at: 'file written, before it has its name', on: 'filesystem' },
  { scene: 'upload', at: 'file has its name, its folder is not flushed', on: 'filesystem' },
  { scene: 'upload', at: 'ImageKit has answered, nobody has read it', on: 'imagekit' },
  { scene: 'upload', at: 'before the request to ImageKit', on: 'imagekit', variables: { IMAGEKIT_UPLOAD: 'spool' } },
  ...within('second try', ['before the next attempt', 'COMMIT of the next attempt sent', 'after the next attempt']),
  ...within('left upload', [
    'before the putting away',
    'COMMIT of the putting away sent',
    'after the putting away',
    'discard-media claimed',
    'before the first discard',
    'after the first discard',
    'before the note of the discard',
    'COMMIT of the note of the discard sent',
    'after the note of the discard',
    'before the second discard',
    'after the second discard',
    'before it is forgotten',
    'after it is forgotten',
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
    'after the note of the discard',
    'before the document goes',
    'after the document went',
    'before the title goes',
    'after the title went',
    'before the second discard',
    'after the second discard',
    'before it is forgotten',
    'after it is forgotten',
  ]),
]

function within(scene: SceneName, places: readonly string[]): readonly FailPoint[] {
  return places.map((at) => ({ scene, at }))
}

export const nameOf = ({ scene, at }: FailPoint): string => `${scene}: ${at}`
