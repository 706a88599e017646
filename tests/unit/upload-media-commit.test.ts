import { err, errAsync, ok } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { type Attempt, storageKey } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { abandon, expire } from '../../src/domain/media/transitions.ts'
import { inChunks, PNG, pngOf } from '../samples.ts'
import { createWorld, down, override, Sender } from './world.ts'

/** What happens to an update: it is done, it is done but the answer is lost, or it is not done. */
type Fate = 'done' | 'answer lost' | 'not done'

/** Applies one fate to each update, in order. */
const withFates =
  (...fates: Fate[]) =>
  (media: MediaRepository): MediaRepository =>
    override(media, {
      update: (id, change) => {
        const fate = fates.shift()
        if (fate === undefined) throw new Error('There are more updates than fates.')
        if (fate === 'not done') return errAsync(down)
        const answer = media.update(id, change)
        return fate === 'done' ? answer : answer.andThen(() => err(down)).orElse(() => err(down))
      },
    })

/** Runs `action` after the file is stored and before the row is committed. */
const beforeCommit = (action: () => Promise<unknown>) => (storage: FileStorage) =>
  override(storage, {
    put: (...put) =>
      storage.put(...put).map(async (file) => {
        await action()
        return file
      }),
  })

describe('An upload whose commit', () => {
  it('gets an answer is stored with one update', async () => {
    const world = createWorld({ wrapMedia: withFates('done') })
    expect(
      (await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrap()
        .state,
    ).toBe('stored')
  })

  it('was done succeeds although the answer is lost', async () => {
    const world = createWorld({ wrapMedia: withFates('answer lost', 'done') })
    const result = await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    const { replayed, ...media } = result._unsafeUnwrap()
    expect(replayed).toBe(false)
    expect(await world.row()).toStrictEqual(media)
    expect(media.state).toBe('stored')
    expect(PNG.equals(await world.content(media.id))).toBe(true)
    expect(world.events).toEqual([{ type: 'media-stored', id: media.id, attempt: media.attempt }])
  })

  it('was not done is abandoned, and its file is deleted', async () => {
    // The third update marks the row as discarded.
    const world = createWorld({ wrapMedia: withFates('not done', 'done', 'done') })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    )._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await world.row()).toMatchObject({ state: 'abandoned', discardedAt: expect.any(Date) })
    expect(await world.files()).toBe(0)
    expect(world.events).toMatchObject([{ type: 'media-abandoned' }])
  })

  it.each<[string, Fate, Media['state']]>([
    ['was done', 'answer lost', 'stored'],
    ['was not done', 'not done', 'receiving'],
  ])('%s keeps its row and its file if the outcome cannot be determined', async (_, fate, state) => {
    const world = createWorld({ wrapMedia: withFates(fate, 'not done') })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    )._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'outcome-unknown', cause: down.cause })
    expect(await world.row()).toMatchObject({ state })
    expect(await world.files()).toBe(1)
  })

  it('was not done keeps its file if the answer to the abandonment is lost; the event discards it', async () => {
    const world = createWorld({ wrapMedia: withFates('not done', 'answer lost') })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    )._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'outcome-unknown', cause: down.cause })
    expect(await world.row()).toMatchObject({ state: 'abandoned' })
    expect(world.events).toMatchObject([{ type: 'media-abandoned' }])
  })
})

describe('An upload that lost its row', () => {
  it('to a process that abandoned it fails and deletes its own file', async () => {
    const world = createWorld()
    const sender = new Sender(pngOf(9000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toMatchObject([{ state: 'receiving' }])
    const { id, attempt } = await world.row()
    await world.media.update(id, (media) => abandon(media, attempt))
    sender.send(PNG).end()
    expect((await result)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const { storage, storageKey } = await world.row()
    expect(await world.row()).toMatchObject({ state: 'abandoned', attempt })
    expect(await world.files()).toBe(0)
    // The file may have been written after the other process had discarded it.
    expect(world.eventTypes()).toEqual(['media-abandoned', 'attempt-late'])
    expect(world.events.at(-1)).toMatchObject({ id, storage, storageKey })
  })

  it('to a process that abandoned it after the last byte fails and deletes its own file', async () => {
    const world = createWorld({
      wrapStorage: beforeCommit(async () => {
        const { id, attempt } = await world.row()
        await world.media.update(id, (media) => abandon(media, attempt))
      }),
    })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    )._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await world.files()).toBe(0)
    expect(world.events.at(-1)).toMatchObject({ type: 'attempt-late', fileId: (await world.row()).storageKey })
  })

  it('to the next attempt fails, and keeps the row and the file of that attempt', async () => {
    const nextAttempt = 'ffffffffffffffff' as Attempt
    const world = createWorld({
      wrapStorage: beforeCommit(async () => {
        const { id } = await world.row()
        const intent = { attempt: nextAttempt, storageKey: storageKey(id, nextAttempt) }
        await world.media.update(id, (media) => ok({ media: { ...media, ...intent }, events: [] }))
        await world.storage.put(intent.storageKey, inChunks(PNG), {
          contentType: (await world.row()).mimeType,
          signal: new AbortController().signal,
        })
      }),
    })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(pngOf(9000)) })
    )._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const row = await world.row()
    expect(row).toMatchObject({ state: 'receiving', attempt: nextAttempt })
    const files = (await world.storage.list())._unsafeUnwrap()
    expect(files).toMatchObject([{ key: row.storageKey, size: PNG.length }])
    expect(world.events).toMatchObject([
      { type: 'attempt-late', id: row.id, storageKey: expect.not.stringContaining(nextAttempt) },
    ])
  })

  it('because it was forgotten fails, and adds its row again so that its file is discarded', async () => {
    const world = createWorld({
      wrapStorage: beforeCommit(async () => {
        const { id, attempt } = await world.row()
        await world.media.update(id, (media) => abandon(media, attempt))
        await world.media.forget(id, attempt)
      }),
    })
    const error = (
      await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    )._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    const { id, storageKey } = await world.row()
    await world.media.update(id, (media) => expire(media, new Date(Date.now() + 3_600_000)))
    expect(world.events.at(-1)).toMatchObject({ type: 'media-abandoned', storageKey })
  })
})
