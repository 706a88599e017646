import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import type { ListQuery, Place } from '../../src/application/ports/media-repository.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'
import { store } from '../../src/domain/media/transitions.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import type { Sha256 } from '../../src/domain/values/digest.ts'
import type { FileName } from '../../src/domain/values/file-name.ts'
import type { Tag } from '../../src/domain/values/tag.ts'
import type { Title } from '../../src/domain/values/title.ts'

/** A repository with many rows. */
export interface Filled {
  readonly repository: KyselyMediaRepository
  /** In the middle of its rows. */
  readonly middle: Place
}

export interface Measure {
  readonly name: string
  /** How many batches a round has, and how many calls a batch makes at once. */
  readonly batches: number
  readonly atOnce: number
  readonly run: (filled: Filled) => Promise<void>
}

const uploads = (name: string, tags: readonly string[] = []): Measure => ({
  name,
  batches: 16,
  atOnce: 16,
  run: async ({ repository }) => {
    const id = v7() as MediaId
    const attempt = randomBytes(8).toString('hex') as Attempt
    const hash = randomBytes(32).toString('hex') as Sha256
    const key = storageKey(id, attempt)
    const names = { filename: 'IMG_1.jpg' as FileName, mimeType: 'image/jpeg' as ContentType }
    const intent = { id, owner: 'bench', attempt, storage: 'filesystem', storageKey: key, ...names }
    const contents = {
      fileId: key,
      url: `/media/${id}/content/`,
      sizeBytes: 2_000_000,
      sha256: hash,
      fingerprint: hash,
      title: 'IMG 1' as Title,
      tags: tags as Tag[],
    }
    ;(await repository.add(intent, 60))._unsafeUnwrap()
    ;(await repository.update(id, (media) => store(media, attempt, contents)))._unsafeUnwrap()
  },
})

const reads = (name: string, run: Measure['run']): Measure => ({ name, batches: 100, atOnce: 1, run })

const list = (name: string, query: Partial<ListQuery> = {}, deep?: 'deep'): Measure =>
  reads(`list: ${name}`, async ({ repository, middle }) => {
    const page = await repository.list({ limit: 20, ...query, after: deep && middle })
    if (page._unsafeUnwrap().length !== 20) throw new Error(`the page of "${name}" is not full`)
  })

const owner = 'owner-0'
const [common, seldom, once] = ['common', 'seldom', 'once'] as Tag[]

export const MEASURES: readonly Measure[] = [
  uploads('upload: row and commit'),
  uploads('upload with three tags', ['a', 'b', 'c']),
  list('first page'),
  list('middle', {}, 'deep'),
  list('owner', { owner }),
  list('owner, middle', { owner }, 'deep'),
  list('tag of every 4th row', { tag: common }),
  list('tag of every 4th row, middle', { tag: common }, 'deep'),
  list('tag of 30 old rows', { tag: once }),
  list('owner and tag', { owner, tag: seldom }),
  list('owner and tag, middle', { owner, tag: common }, 'deep'),
  reads('get, for a title', async ({ repository, middle }) => {
    ;(await repository.get(middle.id))._unsafeUnwrap()
  }),
  reads('reaper, nothing due', async ({ repository }) => {
    const due = await repository.due(7 * 86_400, undefined, 100)
    if (due._unsafeUnwrap().length > 0) throw new Error('a row is due')
  }),
]
