import { errAsync, okAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import type { ExtractMetadata, FileToRead } from '../../src/application/ports/extract-metadata.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { PNG } from '../samples.ts'
import { createWorld, override, type WorldOptions } from './world.ts'

const storeDown = unavailable('metadata')(new Error('away'))

/** Creates a world whose extractor records its requests and reads the first eight bytes of each file. */
function createWorldWithExtractor(options: WorldOptions = {}, onRead: () => unknown = () => undefined) {
  const requests: FileToRead<unknown>[] = []
  const extract: ExtractMetadata = (file) => {
    requests.push(file)
    return file.read({ start: 0, end: 7 }).map(async (bytes): Promise<Metadata> => {
      await onRead()
      return { status: 'ready', format: 'png', tags: { first: Buffer.from(bytes).toString('hex') } }
    })
  }
  const world = createWorld({ ...options, ports: { extract, ...options.ports } })
  const describeMedia = (media: { id: (typeof world.events)[0]['id']; attempt: Attempt }) =>
    world.mediaport.work({ name: 'describe-media', afterSeconds: 0, ...media })
  return { ...world, requests, describeMedia }
}

const FIRST = { status: 'ready', format: 'png', tags: { first: '89504e470d0a1a0a' } }

describe('The describe-media job', () => {
  it('reads a file once and saves its metadata', async () => {
    const world = createWorldWithExtractor()
    const media = await world.upload()
    expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrap()).toEqual({
      status: 'pending',
    })
    for (let n = 0; n < 2; n++) expect((await world.describeMedia(media)).isOk()).toBe(true)
    expect(world.requests).toMatchObject([{ contentType: 'image/png', size: PNG.length }])
    expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrap()).toEqual(FIRST)
  })

  it('succeeds if the file is missing, and saves nothing', async () => {
    const world = createWorldWithExtractor()
    const media = await world.upload()
    await world.storage.delete(media.storageKey)
    expect((await world.describeMedia(media)).isOk()).toBe(true)
    expect((await world.metadata.find(media.id, media.attempt))._unsafeUnwrap()).toBeUndefined()
  })

  it('saves a failed document if the store refuses the metadata', async () => {
    const { metadata } = memoryPorts()
    const world = createWorldWithExtractor({
      ports: {
        metadata: override(metadata, {
          save: (id, attempt, document) =>
            document.status === 'ready'
              ? errAsync({ type: 'document-refused', cause: new Error('too deep') })
              : metadata.save(id, attempt, document),
        }),
      },
    })
    const media = await world.upload()
    expect((await world.describeMedia(media)).isOk()).toBe(true)
    expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrap()).toMatchObject({
      status: 'failed',
      tags: {},
    })
  })

  it('describes the current attempt if the job names an earlier one', async () => {
    const world = createWorldWithExtractor()
    const media = await world.upload()
    const before = 'fedcba9876543210' as Attempt
    await world.metadata.save(media.id, before, { status: 'failed', tags: {} })
    await world.describeMedia({ id: media.id, attempt: before })
    expect((await world.metadata.find(media.id, media.attempt))._unsafeUnwrap()).toEqual(FIRST)
    expect((await world.metadata.find(media.id, before))._unsafeUnwrap()).toBeUndefined()
  })
})

describe('The metadata of a deleted media item', () => {
  it('is not kept if the media item is deleted while its file is read', async () => {
    const world = createWorldWithExtractor({}, async () => {
      const [row] = await world.rows()
      await world.mediaport.deleteMedia(row?.id ?? '', { owner: EVERYONE })
      await world.mediaport.reapUploads()
    })
    const media = await world.upload()
    expect((await world.describeMedia(media)).isOk()).toBe(true)
    expect(world.requests).toHaveLength(1)
    expect((await world.metadata.list())._unsafeUnwrap()).toEqual([])
  })

  it('is removed when the file is discarded', async () => {
    const world = createWorldWithExtractor()
    const media = await world.upload()
    await world.describeMedia(media)
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrapErr().type).toBe(
      'not-found',
    )
    await world.mediaport.reapUploads()
    expect((await world.metadata.list())._unsafeUnwrap()).toEqual([])
  })
})

describe('The describe-media job during an outage', () => {
  it('fails before it reads the file if the metadata store does not answer', async () => {
    const { metadata } = memoryPorts()
    const world = createWorldWithExtractor({
      ports: { metadata: override(metadata, { find: () => errAsync(storeDown) }) },
    })
    const media = await world.upload()
    expect((await world.describeMedia(media))._unsafeUnwrapErr()).toEqual(storeDown)
    expect(world.requests).toEqual([])
    expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrap()).toEqual({
      status: 'pending',
    })
  })

  it('saves nothing if the storage does not answer', async () => {
    const storageDown = unavailable('storage')(new Error('away'))
    const world = createWorldWithExtractor({
      wrapStorage: (storage) => override(storage, { open: () => errAsync(storageDown) }),
    })
    const media = await world.upload()
    expect((await world.describeMedia(media))._unsafeUnwrapErr()).toEqual(storageDown)
    expect((await world.metadata.list())._unsafeUnwrap()).toEqual([])
  })

  it('fails if the storage breaks off in the middle of a file', async () => {
    const world = createWorldWithExtractor({
      wrapStorage: (storage) =>
        override(storage, {
          open: () =>
            okAsync(
              (async function* () {
                yield PNG
                throw new Error('cut off')
              })(),
            ),
        }),
    })
    expect((await world.describeMedia(await world.upload()))._unsafeUnwrapErr()).toMatchObject({
      dependency: 'storage',
    })
  })
})
