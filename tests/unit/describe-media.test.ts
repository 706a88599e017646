import { errAsync, okAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import type { ExtractMetadata, FileToRead } from '../../src/application/ports/extract-metadata.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { PNG } from '../samples.ts'
import { type Given, over, world } from './world.ts'

const away = unavailable('metadata')(new Error('away'))

/** A world whose files are read by a double that remembers what it was asked, and reads their first eight bytes. */
function described(given: Given = {}, during: () => unknown = () => undefined) {
  const asked: FileToRead<unknown>[] = []
  const extract: ExtractMetadata = (file) => {
    asked.push(file)
    return file.read({ start: 0, end: 7 }).map(async (bytes): Promise<Metadata> => {
      await during()
      return { status: 'ready', format: 'png', tags: { first: Buffer.from(bytes).toString('hex') } }
    })
  }
  const at = world({ ...given, ports: { extract, ...given.ports } })
  const describeMedia = (media: { id: (typeof at.told)[0]['id']; attempt: Attempt }) =>
    at.mediaport.work({ name: 'describe-media', afterSeconds: 0, ...media })
  return { ...at, asked, describeMedia }
}

const FIRST = { status: 'ready', format: 'png', tags: { first: '89504e470d0a1a0a' } }

describe('a stored file', () => {
  it('is read once, as what its bytes are, and what it says is kept', async () => {
    const at = described()
    const media = await at.upload()
    expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrap()).toEqual({ status: 'pending' })
    for (let n = 0; n < 2; n++) expect((await at.describeMedia(media)).isOk()).toBe(true)
    expect(at.asked).toMatchObject([{ contentType: 'image/png', size: PNG.length }])
    expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrap()).toEqual(FIRST)
  })

  it('that is gone is no reason to try for ever', async () => {
    const at = described()
    const media = await at.upload()
    await at.storage.delete(media.storageKey)
    expect((await at.describeMedia(media)).isOk()).toBe(true)
    expect((await at.metadata.find(media.id, media.attempt))._unsafeUnwrap()).toBeUndefined()
  })

  it('is described again when its store does not take what it says', async () => {
    const { metadata } = memoryPorts()
    const at = described({
      ports: {
        metadata: over(metadata, {
          save: (id, attempt, document) =>
            document.status === 'ready'
              ? errAsync({ type: 'document-refused', cause: new Error('too deep') })
              : metadata.save(id, attempt, document),
        }),
      },
    })
    const media = await at.upload()
    expect((await at.describeMedia(media)).isOk()).toBe(true)
    expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrap()).toMatchObject({ status: 'failed', tags: {} })
  })

  it('of another attempt is described by it, whoever asks', async () => {
    const at = described()
    const media = await at.upload()
    const before = 'fedcba9876543210' as Attempt
    await at.metadata.save(media.id, before, { status: 'failed', tags: {} })
    await at.describeMedia({ id: media.id, attempt: before })
    expect((await at.metadata.find(media.id, media.attempt))._unsafeUnwrap()).toEqual(FIRST)
    expect((await at.metadata.find(media.id, before))._unsafeUnwrap()).toBeUndefined()
  })
})

describe('what goes away', () => {
  it('while it is read leaves nothing behind', async () => {
    const at = described({}, async () => {
      const [row] = await at.rows()
      await at.mediaport.deleteMedia(row?.id ?? '')
      await at.mediaport.reapUploads()
    })
    const media = await at.upload()
    expect((await at.describeMedia(media)).isOk()).toBe(true)
    expect(at.asked).toHaveLength(1)
    expect((await at.metadata.list())._unsafeUnwrap()).toEqual([])
  })

  it('takes its document along', async () => {
    const at = described()
    const media = await at.upload()
    await at.describeMedia(media)
    await at.mediaport.deleteMedia(media.id)
    expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrapErr().type).toBe('not-found')
    await at.mediaport.reapUploads()
    expect((await at.metadata.list())._unsafeUnwrap()).toEqual([])
  })
})

describe('an outage', () => {
  it('of the metadata store is waited for before the file is read', async () => {
    const { metadata } = memoryPorts()
    const at = described({ ports: { metadata: over(metadata, { find: () => errAsync(away) }) } })
    const media = await at.upload()
    expect((await at.describeMedia(media))._unsafeUnwrapErr()).toEqual(away)
    expect(at.asked).toEqual([])
    expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrap()).toEqual({ status: 'pending' })
  })

  it('of the storage says nothing about the file', async () => {
    const gone = unavailable('storage')(new Error('away'))
    const at = described({ wrapStorage: (storage) => over(storage, { open: () => errAsync(gone) }) })
    const media = await at.upload()
    expect((await at.describeMedia(media))._unsafeUnwrapErr()).toEqual(gone)
    expect((await at.metadata.list())._unsafeUnwrap()).toEqual([])
  })

  it('in the middle of a file neither', async () => {
    const at = described({
      wrapStorage: (storage) =>
        over(storage, {
          open: () =>
            okAsync(
              (async function* () {
                yield PNG
                throw new Error('cut off')
              })(),
            ),
        }),
    })
    expect((await at.describeMedia(await at.upload()))._unsafeUnwrapErr()).toMatchObject({ dependency: 'storage' })
  })
})
