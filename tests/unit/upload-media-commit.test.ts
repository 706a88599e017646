import { err, errAsync, ok } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { type Attempt, storageKey } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { abandon, expire } from '../../src/domain/media/transitions.ts'
import { inChunks, PNG, pngOf } from '../samples.ts'
import { down, eventually, over, Sender, world } from './world.ts'

/** What becomes of one update: done, done without its answer coming back, or not done. */
type Fate = 'done' | 'answer lost' | 'not done'

/** Updates meet these fates in turn. */
const updates =
  (...fates: Fate[]) =>
  (media: MediaRepository): MediaRepository =>
    over(media, {
      update: (id, change) => {
        const fate = fates.shift()
        if (fate === undefined) throw new Error('one update too many')
        if (fate === 'not done') return errAsync(down)
        const answer = media.update(id, change)
        return fate === 'done' ? answer : answer.andThen(() => err(down)).orElse(() => err(down))
      },
    })

/** Between the bytes and the commit, `act` does something to the row. */
const beforeTheCommit = (act: () => Promise<unknown>) => (storage: FileStorage) =>
  over(storage, {
    put: (...put) =>
      storage.put(...put).map(async (file) => {
        await act()
        return file
      }),
  })

describe('an upload whose commit', () => {
  it('is answered is stored with one update', async () => {
    const at = world({ wrapMedia: updates('done') })
    expect((await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrap().state).toBe(
      'stored',
    )
  })

  it('was done, but the answer was lost, has succeeded', async () => {
    const at = world({ wrapMedia: updates('answer lost', 'done') })
    const uploaded = await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) })
    const { replayed, ...media } = uploaded._unsafeUnwrap()
    expect(replayed).toBe(false)
    expect(await at.row()).toStrictEqual(media)
    expect(media.state).toBe('stored')
    expect(PNG.equals(await at.content(media.id))).toBe(true)
    expect(at.told).toEqual([{ type: 'media-stored', id: media.id, attempt: media.attempt }])
  })

  it('was not done is given up, bytes and all', async () => {
    // The third marks the row: its bytes are known to be gone.
    const at = world({ wrapMedia: updates('not done', 'done', 'done') })
    const error = (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await at.row()).toMatchObject({ state: 'abandoned', discardedAt: expect.any(Date) })
    expect(await at.files()).toBe(0)
    expect(at.told).toMatchObject([{ type: 'media-abandoned' }])
  })

  it.each<[string, Fate, Media['state']]>([
    ['was done, for all that is known', 'answer lost', 'stored'],
    ['was not done, for all that is known', 'not done', 'receiving'],
  ])('%s, and cannot be asked for, is left as it is: no bytes are deleted by guess', async (_, fate, state) => {
    const at = world({ wrapMedia: updates(fate, 'not done') })
    const error = (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'outcome-unknown', cause: down.cause })
    expect(await at.row()).toMatchObject({ state })
    expect(await at.files()).toBe(1)
  })

  it('was not done, and whose giving up was done without an answer, leaves its bytes to whom is told', async () => {
    const at = world({ wrapMedia: updates('not done', 'answer lost') })
    const error = (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'outcome-unknown', cause: down.cause })
    expect(await at.row()).toMatchObject({ state: 'abandoned' })
    expect(at.told).toMatchObject([{ type: 'media-abandoned' }])
  })
})

describe('an upload that lost its row', () => {
  it('to somebody who put it away is refused, and deletes its own bytes', async () => {
    const at = world()
    const sender = new Sender(pngOf(9000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toMatchObject([{ state: 'receiving' }])
    const { id, attempt } = await at.row()
    await at.media.update(id, (media) => abandon(media, attempt))
    sender.send(PNG).end()
    expect((await uploading)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const { storage, storageKey } = await at.row()
    expect(await at.row()).toMatchObject({ state: 'abandoned', attempt })
    expect(await at.files()).toBe(0)
    // Its bytes may have come after whoever put it away had looked for them.
    expect(at.told.map(({ type }) => type)).toEqual(['media-abandoned', 'attempt-late'])
    expect(at.told.at(-1)).toMatchObject({ id, storage, storageKey })
  })

  it('to somebody who put it away after the last byte came is refused, and deletes its own bytes', async () => {
    const at = world({
      wrapStorage: beforeTheCommit(async () => {
        const { id, attempt } = await at.row()
        await at.media.update(id, (media) => abandon(media, attempt))
      }),
    })
    const error = (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await at.files()).toBe(0)
    expect(at.told.at(-1)).toMatchObject({ type: 'attempt-late', fileId: (await at.row()).storageKey })
  })

  it('to the next attempt is refused, and leaves row and bytes of that one alone', async () => {
    const next = 'ffffffffffffffff' as Attempt
    const at = world({
      wrapStorage: beforeTheCommit(async () => {
        const { id } = await at.row()
        const theirs = { attempt: next, storageKey: storageKey(id, next) }
        await at.media.update(id, (media) => ok({ media: { ...media, ...theirs }, events: [] }))
        await at.storage.put(theirs.storageKey, inChunks(PNG), {
          contentType: (await at.row()).mimeType,
          signal: new AbortController().signal,
        })
      }),
    })
    const error = (
      await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(pngOf(9000)) })
    )._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const row = await at.row()
    expect(row).toMatchObject({ state: 'receiving', attempt: next })
    const files = (await at.storage.list())._unsafeUnwrap()
    expect(files).toMatchObject([{ key: row.storageKey, size: PNG.length }])
    expect(at.told).toMatchObject([{ type: 'attempt-late', id: row.id, storageKey: expect.not.stringContaining(next) }])
  })

  it('altogether is refused, and its row comes again, to see that its own bytes go', async () => {
    const at = world({
      wrapStorage: beforeTheCommit(async () => {
        const { id, attempt } = await at.row()
        await at.media.update(id, (media) => abandon(media, attempt))
        await at.media.forget(id, attempt)
      }),
    })
    const error = (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const { id, storageKey } = await at.row()
    await at.media.update(id, (media) => expire(media, new Date(Date.now() + 3_600_000)))
    expect(at.told.at(-1)).toMatchObject({ type: 'media-abandoned', storageKey })
  })
})
