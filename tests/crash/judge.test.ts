import { describe, expect, it } from 'vitest'
import { ClientLog } from './client-log.ts'
import { doubled, lost, orphaned } from './judge.ts'
import type { Row, Seen } from './look.ts'

const row = (id: string, changes: Partial<Row> = {}): Row => ({
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

/** Everything as it should be for these rows. */
const seen = (rows: readonly Row[], changes: Partial<Seen> = {}): Seen => ({
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
  for (const id of ids) log.sends(`digest of ${id}`, id, `key of ${id}`).ids.add(id)
  return log
}

describe('The judge of a crash', () => {
  it('finds nothing where everything is as it was acknowledged', () => {
    const [all, log] = [seen([row('a'), row('b')]), logOf('a', 'b')]
    expect([lost(all, digests, log), doubled(all, log), orphaned(all, log)]).toEqual([[], [], []])
  })

  it('excuses what is in doubt either way', () => {
    const log = logOf('a', 'b')
    log.mayBeDeleted('digest of a')
    log.mayBeCalled('digest of b', 'other')
    log.sends('digest of c', 'c', 'key of c')
    for (const rows of [[row('b')], [row('a'), row('b', { title: 'other' })]])
      expect(lost(seen(rows), digests, log)).toEqual([])
  })

  it.each([
    ['a row that is gone', seen([row('b')]), digests, /a was acknowledged and is not there/],
    ['a file that is gone', seen([row('a'), row('b')]), new Map([['filesystem b', 'digest of b']]), /file is gone/],
    ['other bytes', seen([row('a'), row('b')]), new Map([...digests, ['filesystem a', 'x']]), /other bytes/],
    ['a title that was changed back', seen([row('a', { title: 'old' }), row('b')]), digests, /is called old, not a/],
  ])('counts as lost %s', (_, there, found, message) => {
    expect(lost(there, found, logOf('a', 'b'))).toEqual([expect.stringMatching(message)])
  })

  it('counts as lost a deletion that is not kept', () => {
    const log = logOf('a')
    log.isDeleted('digest of a')
    expect(lost(seen([row('a')]), digests, log)).toEqual(['a was deleted and is there'])
  })

  it('counts as doubled two rows of one upload, and two media under one key', () => {
    const log = logOf('a')
    expect(doubled(seen([row('a'), row('b', { sha256: 'digest of a' })]), log)).toHaveLength(1)
    log.of('digest of a')?.ids.add('b')
    expect(doubled(seen([row('a')]), log)).toEqual(['key of a was acknowledged as a and b'])
    log.of('digest of a')?.ids.delete('b')
    log.sends('digest of b', 'b', 'key of a').ids.add('b')
    expect(doubled(seen([row('a'), row('b')]), log)).toEqual(['key of a was taken for two files'])
  })

  const both = [row('a'), row('b')]
  const { files, documents, titles = new Map() } = seen(both)
  const without = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...map].filter(([name]) => !name.endsWith('a')))
  it.each<[string, Seen]>([
    [
      'a row that is not stored',
      seen([...both, row('c', { state: 'abandoned', title: '' })], { files, documents, titles }),
    ],
    ['an unfinished file', seen(both, { files: new Map([...files, ['filesystem a.part', file]]) })],
    ['a document without its row', seen(both, { documents: new Map([...documents, ['c', 'x']]) })],
    ['a row without its document', seen(both, { documents: without(documents) })],
    ['a title without its row', seen(both, { titles: new Map([...titles, ['c', { title: 'c', version: '1' }]]) })],
    ['a row without its title', seen(both, { titles: without(titles) })],
    ['an old title', seen(both, { titles: new Map([...titles, ['a', { ...titles.get('a'), version: '0' }]]) })],
    ['a title that was taken out', seen(both, { titles: new Map([...titles, ['a', { version: '1' }]]) })],
    ['a job', seen(both, { jobs: ['describe-media is active'] })],
  ])('counts as orphaned %s', (_, there) => {
    expect(orphaned(there, logOf('a', 'b'))).toHaveLength(1)
  })

  it('counts as orphaned what nobody sent, what was refused, and a document about another attempt', () => {
    expect(orphaned(seen([row('a')]), new ClientLog())).toEqual([expect.stringMatching(/nobody has sent a/)])
    const log = logOf('a')
    const upload = log.of('digest of a')
    if (upload) upload.isRefused = true
    expect(orphaned(seen([row('a')]), log)).toEqual([expect.stringMatching(/was refused and is there/)])
    expect(orphaned(seen([row('a')], { documents: new Map([['a', 'x']]) }), logOf('a'))).toHaveLength(1)
  })

  it('lets be what keeps the titles of deleted media out', () => {
    const tombstones = new Map([...titles, ['c', { version: '2' }], ['a', { version: '9007199254740991' }]])
    expect(orphaned(seen(both, { titles: tombstones }), logOf('a', 'b'))).toEqual([])
  })
})
