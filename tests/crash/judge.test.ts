import { describe, expect, it } from 'vitest'
import { ClientLog } from './client-log.ts'
import { doubled, lost, orphaned } from './judge.ts'
import type { MediaRow, Stores } from './stores.ts'

const row = (id: string, changes: Partial<MediaRow> = {}): MediaRow => ({
  id,
  state: 'stored',
  owner: 'anonymous',
  attempt: `attempt of ${id}`,
  storage: 'filesystem',
  storage_key: id,
  sha256: `digest of ${id}`,
  title: id,
  tags: [],
  version: 1,
  ...changes,
})

const file = { key: '', path: '' }

/** The contents of all stores that agree with these rows. */
const storesOf = (rows: readonly MediaRow[], changes: Partial<Stores> = {}): Stores => ({
  rows,
  files: new Map(rows.map(({ id }) => [`filesystem ${id}`, file])),
  documents: new Map(rows.map(({ id, attempt }) => [id, attempt])),
  titles: new Map(rows.map(({ id, title }) => [id, { owner: 'anonymous', title, tags: '[]', version: '1' }])),
  jobs: [],
  ...changes,
})

const digests = new Map([
  ['filesystem a', 'digest of a'],
  ['filesystem b', 'digest of b'],
])

function logOf(...ids: string[]): ClientLog {
  const log = new ClientLog()
  for (const id of ids) log.uploadSent(`digest of ${id}`, id, `key of ${id}`).ids.add(id)
  return log
}

describe('The verdict after a crash', () => {
  it('finds nothing if everything is as acknowledged', () => {
    const [all, log] = [storesOf([row('a'), row('b')]), logOf('a', 'b')]
    expect([lost(all, digests, log), doubled(all, log), orphaned(all, log)]).toEqual([[], [], []])
  })

  it('accepts both outcomes of an unconfirmed change', () => {
    const log = logOf('a', 'b')
    log.deletionSent('digest of a')
    log.renameSent('digest of b', 'other')
    log.uploadSent('digest of c', 'c', 'key of c')
    for (const rows of [[row('b')], [row('a'), row('b', { title: 'other' })]])
      expect(lost(storesOf(rows), digests, log)).toEqual([])
  })

  it.each([
    ['a missing row', storesOf([row('b')]), digests, /a was acknowledged, but has no row/],
    ['a missing file', storesOf([row('a'), row('b')]), new Map([['filesystem b', 'digest of b']]), /file is missing/],
    ['other bytes', storesOf([row('a'), row('b')]), new Map([...digests, ['filesystem a', 'x']]), /other bytes/],
    [
      'a lost change of the title',
      storesOf([row('a', { title: 'old' }), row('b')]),
      digests,
      /has the title old, not a/,
    ],
  ])('counts %s as lost', (_, there, found, message) => {
    expect(lost(there, found, logOf('a', 'b'))).toEqual([expect.stringMatching(message)])
  })

  it('counts a lost deletion as lost', () => {
    const log = logOf('a')
    log.deletionAcknowledged('digest of a')
    expect(lost(storesOf([row('a')]), digests, log)).toEqual(['a was deleted, but has a row'])
  })

  it('counts two rows of one upload and two media items of one key as doubled', () => {
    const log = logOf('a')
    expect(doubled(storesOf([row('a'), row('b', { sha256: 'digest of a' })]), log)).toHaveLength(1)
    log.of('digest of a')?.ids.add('b')
    expect(doubled(storesOf([row('a')]), log)).toEqual(['key of a was acknowledged as a and b'])
    log.of('digest of a')?.ids.delete('b')
    log.uploadSent('digest of b', 'b', 'key of a').ids.add('b')
    expect(doubled(storesOf([row('a'), row('b')]), log)).toEqual(['key of a was accepted for two files'])
  })

  const both = [row('a'), row('b')]
  const { files, documents, titles = new Map() } = storesOf(both)
  const without = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...map].filter(([name]) => !name.endsWith('a')))
  it.each<[string, Stores]>([
    [
      'a row that is not stored',
      storesOf([...both, row('c', { state: 'abandoned', title: '' })], { files, documents, titles }),
    ],
    ['an unfinished file', storesOf(both, { files: new Map([...files, ['filesystem a.part', file]]) })],
    ['a document without its row', storesOf(both, { documents: new Map([...documents, ['c', 'x']]) })],
    ['a row without its document', storesOf(both, { documents: without(documents) })],
    ['a title without its row', storesOf(both, { titles: new Map([...titles, ['c', { title: 'c', version: '1' }]]) })],
    ['a row without its title', storesOf(both, { titles: without(titles) })],
    ['an old title', storesOf(both, { titles: new Map([...titles, ['a', { ...titles.get('a'), version: '0' }]]) })],
    ['a removed title', storesOf(both, { titles: new Map([...titles, ['a', { version: '1' }]]) })],
    ['a job', storesOf(both, { jobs: ['describe-media is active'] })],
  ])('counts %s as orphaned', (_, there) => {
    expect(orphaned(there, logOf('a', 'b'))).toHaveLength(1)
  })

  it('counts unknown uploads, refused uploads and documents of other attempts as orphaned', () => {
    expect(orphaned(storesOf([row('a')]), new ClientLog())).toEqual([expect.stringMatching(/no client has sent a/)])
    const log = logOf('a')
    const upload = log.of('digest of a')
    if (upload) upload.isRefused = true
    expect(orphaned(storesOf([row('a')]), log)).toEqual([expect.stringMatching(/was refused, but has a row/)])
    expect(orphaned(storesOf([row('a')], { documents: new Map([['a', 'x']]) }), logOf('a'))).toHaveLength(1)
  })

  it('ignores the tombstones of deleted media items', () => {
    const tombstones = new Map([...titles, ['c', { version: '2' }], ['a', { version: '9007199254740991' }]])
    expect(orphaned(storesOf(both, { titles: tombstones }), logOf('a', 'b'))).toEqual([])
  })
})
