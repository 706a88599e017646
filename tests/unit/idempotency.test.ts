import { err, okAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DEFAULT_POLICY } from '../../src/application/policy.ts'
import { idOfKey } from '../../src/application/upload/id-of-key.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { Media } from '../../src/domain/media/media.ts'
import type { IdempotencyKey } from '../../src/domain/values/idempotency-key.ts'
import { GIF, inChunks, PNG, pngOf, sha256 } from '../samples.ts'
import { eventually, type Given, over, Sender, type World, world } from './world.ts'

const KEY = 'my-key'

const send = ({ mediaport }: World, upload: Partial<Upload> = {}) =>
  mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG), key: KEY, ...upload })
const sent = async (at: World, upload: Partial<Upload> = {}) => (await send(at, upload))._unsafeUnwrap()
const refused = async (at: World, upload: Partial<Upload> = {}) => (await send(at, upload))._unsafeUnwrapErr()

/** The rows of these keys, whoever wrote them. */
const rowOf = async ({ media }: World, key = KEY, owner = 'anonymous'): Promise<Media> =>
  (await media.get(idOfKey(owner, key as IdempotencyKey)))._unsafeUnwrap()
const rows = async ({ media }: World): Promise<readonly Media[]> => (await media.scan(undefined, 1000))._unsafeUnwrap()
const types = (told: readonly MediaEvent[]) => told.map(({ type }) => type)

/** An upload under the key that has got its row and whose sender has sent 9,000 bytes. */
async function begun(given?: Given) {
  const at = world(given)
  const sender = new Sender(pngOf(9000))
  const uploading = send(at, { body: sender })
  await eventually(() => rows(at)).toHaveLength(1)
  return { at, sender, uploading }
}

describe('an upload that is sent again under its key', () => {
  it('is answered with the media that is there, and nothing is stored', async () => {
    const at = world()
    const first = await sent(at, { details: { title: 'T', tags: ['a', 'b'] } })
    expect(first.id).toBe(idOfKey('anonymous', KEY as IdempotencyKey))
    expect(first.replayed).toBe(false)
    const again = await sent(at, { body: inChunks(PNG, 1), details: { title: ' T', tags: ['A', 'b', 'a'] } })
    expect(again).toStrictEqual({ ...first, replayed: true })
    expect(await at.files()).toBe(1)
    expect(await rows(at)).toHaveLength(1)
    expect(types(at.told)).toEqual(['media-stored'])
  })

  it('is answered also while the storage is down', async () => {
    let puts = 0
    const at = world({
      wrapStorage: (storage) => over(storage, { put: (...put) => (puts++ === 0 ? storage.put(...put) : fail()) }),
    })
    await sent(at)
    expect((await sent(at)).replayed).toBe(true)
  })

  it('is answered with the media as it is now', async () => {
    const at = world()
    const first = await sent(at, { details: { title: 'first' } })
    await at.mediaport.changeMedia(first.id, { title: 'second' })
    expect(await sent(at, { details: { title: 'first' } })).toMatchObject({
      title: 'second',
      version: 2,
      replayed: true,
    })
    expect(await refused(at, { details: { title: 'second' } })).toEqual({ type: 'idempotency-key-reused' })
  })

  it('is the same whether its key is in quotes or not, and whether its title is said to be its name or not', async () => {
    const at = world()
    const first = await sent(at)
    expect(await sent(at, { key: `"${KEY}"` })).toStrictEqual({ ...first, replayed: true })
  })

  it.each<[string, Partial<Upload>]>([
    ['bytes', { body: inChunks(pngOf(PNG.length + 1)) }],
    ['fewer bytes', { body: inChunks(PNG.subarray(0, -1)) }],
    ['bytes of another type', { body: inChunks(GIF) }],
    ['a name', { filename: 'b.png' }],
    ['a title', { details: { title: 'another' } }],
    ['tags', { details: { tags: ['another'] } }],
  ])('with other %s is refused, and changes nothing', async (_, other) => {
    const at = world()
    const { replayed: __, ...first } = await sent(at)
    expect(await refused(at, other)).toEqual({ type: 'idempotency-key-reused' })
    expect(await rows(at)).toStrictEqual([first])
    expect(PNG.equals(await at.content(first.id))).toBe(true)
    expect(types(at.told)).toEqual(['media-stored'])
  })

  it.each<[string, Partial<Upload>, object]>([
    ['a digest that its bytes do not have', { details: { sha256: sha256(GIF) } }, { type: 'digest-mismatch' }],
    ['a title that is none', { details: { title: 'a\nb' } }, { type: 'invalid-title' }],
    ['too many bytes', { body: inChunks(pngOf(20_000)) }, { type: 'too-large', limit: 10_000 }],
    ['no bytes', { body: inChunks(Buffer.alloc(0)) }, { type: 'empty-file' }],
    ['a body that fails', { body: new Sender(PNG).fail(new Error('left')) }, { type: 'body-failed' }],
  ])('with %s is refused as any other', async (_, given, error) => {
    const at = world({ policy: { maxFileSize: 10_000 } })
    const { replayed: __, ...first } = await sent(at)
    expect(await refused(at, given)).toMatchObject(error)
    expect(await rows(at)).toStrictEqual([first])
    expect(await at.files()).toBe(1)
  })

  it('with the digest of its bytes is answered', async () => {
    const at = world()
    await sent(at)
    expect((await sent(at, { details: { sha256: sha256(PNG) } })).replayed).toBe(true)
  })

  it('with details that fail passes their error on', async () => {
    const at = world()
    await sent(at)
    const details = okAsync({}).andThen(() => send(world(), { key: '' }).map(() => ({})))
    const upload = { filename: 'a.png', body: inChunks(PNG), key: KEY, details }
    expect((await at.mediaport.uploadMedia(upload))._unsafeUnwrapErr()).toEqual({ type: 'bad-idempotency-key' })
  })

  it('is independent of what another owner sends under the same', async () => {
    const at = world()
    const [mine, theirs] = [await sent(at, { owner: 'me' }), await sent(at, { owner: 'you', body: inChunks(GIF) })]
    expect(mine.id).not.toBe(theirs.id)
    expect([mine.replayed, theirs.replayed]).toEqual([false, false])
    expect(await at.files()).toBe(2)
  })

  it('gives one media, however many come at once', async () => {
    const at = world()
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(at)))
    const made = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
    expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1)
    for (const answer of answers) if (answer.isErr()) expect(answer.error).toEqual({ type: 'idempotency-in-progress' })
    expect(await rows(at)).toMatchObject([{ state: 'stored', attempt: made[0]?.attempt }])
    expect(await at.files()).toBe(1)
    expect(types(at.told)).toEqual(['media-stored'])
  })
})

describe('a key', () => {
  it.each(['', '""', 'a b', 'x'.repeat(256), 'é', 'a\n'])(
    'that is no key (%j) is refused before the body is read',
    async (key) => {
      const at = world()
      const body = new Sender()
      expect(await refused(at, { key, body })).toEqual({ type: 'bad-idempotency-key' })
      expect(body.asked).toBe(0)
      expect(body.stopped).toBe(true)
      expect(await rows(at)).toEqual([])
    },
  )

  it('whose upload was refused before it began is free', async () => {
    const at = world()
    expect(await refused(at, { body: inChunks(Buffer.from('junk')) })).toMatchObject({ type: 'unsupported-file-type' })
    expect((await sent(at)).replayed).toBe(false)
    expect(types(at.told)).toEqual(['media-stored'])
  })

  it('whose media was deleted stays taken until the row is forgotten, and nothing comes back', async () => {
    const at = world({ policy: { forgetAfterSeconds: 0 } })
    const { id } = await sent(at)
    await at.mediaport.deleteMedia(id)
    expect(await refused(at)).toEqual({ type: 'media-deleted' })
    expect(await refused(at, { body: inChunks(GIF) })).toEqual({ type: 'media-deleted' })
    expect((await at.mediaport.getMedia(id)).isErr()).toBe(true)
    for (let round = 0; round < 2; round++) (await at.mediaport.reapUploads())._unsafeUnwrap()
    expect(await rows(at)).toEqual([])
    expect(await at.files()).toBe(0)
    expect(await sent(at)).toMatchObject({ id, version: 1, replayed: false })
  })
})

describe('while an upload is under way', () => {
  it('another under its key is refused, and of its body no more is read than its head', async () => {
    const { at, sender, uploading } = await begun()
    const second = new Sender(pngOf(9000))
    expect(await refused(at, { body: second })).toEqual({ type: 'idempotency-in-progress' })
    expect(second.asked).toBe(1)
    expect(second.stopped).toBe(true)
    sender.end()
    expect((await uploading)._unsafeUnwrap()).toMatchObject({ sizeBytes: 9000, replayed: false })
    expect(types(at.told)).toEqual(['media-stored'])
  })

  it('another under another key is taken', async () => {
    const { at, sender, uploading } = await begun()
    expect((await sent(at, { key: 'another' })).replayed).toBe(false)
    sender.end()
    await uploading
    expect(await at.files()).toBe(2)
  })
})

describe('the next attempt', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  it('begins at once after one that was given up, and its bytes lie under another key', async () => {
    const { at, sender, uploading } = await begun()
    sender.fail(new Error('left'))
    expect((await uploading)._unsafeUnwrapErr()).toMatchObject({ type: 'body-failed' })
    const before = await rowOf(at)
    expect(before.state).toBe('abandoned')
    const media = await sent(at, { body: inChunks(GIF), filename: 'corrected.gif' })
    expect(media).toMatchObject({ id: before.id, filename: 'corrected.gif', mimeType: 'image/gif', replayed: false })
    expect(media.attempt).not.toBe(before.attempt)
    const { id, storage, storageKey } = before
    expect(at.told).toEqual([
      { type: 'media-abandoned', id, storage, storageKey },
      { type: 'attempt-replaced', id, storage, storageKey, writableSeconds: DEFAULT_POLICY.forgetAfterSeconds },
      { type: 'media-stored', id, attempt: media.attempt },
    ])
    expect(await at.files()).toBe(1)
  })

  it('takes over when the lease has run out, and the first one fails at its commit and takes its own bytes away', async () => {
    const { at, sender, uploading } = await begun()
    const before = await rowOf(at)
    vi.setSystemTime(Date.now() + at.mediaport.policy.leaseSeconds * 1000)
    const media = await sent(at)
    expect(media.attempt).not.toBe(before.attempt)
    sender.end()
    expect((await uploading)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await rowOf(at)).toMatchObject({ state: 'stored', attempt: media.attempt })
    expect((await at.storage.list())._unsafeUnwrap()).toMatchObject([{ key: media.storageKey }])
    expect(PNG.equals(await at.content(media.id))).toBe(true)
    expect(types(at.told)).toEqual(['attempt-replaced', 'media-stored', 'attempt-late'])
  })

  it('takes over nothing a moment before the lease has run out', async () => {
    const { at, sender, uploading } = await begun()
    vi.setSystemTime(Date.now() + at.mediaport.policy.leaseSeconds * 1000 - 1000)
    expect(await refused(at)).toEqual({ type: 'idempotency-in-progress' })
    sender.end()
    expect((await uploading).isOk()).toBe(true)
  })

  it('does not succeed for a first one that ended in between: the media is what was stored last', async () => {
    const { at, sender, uploading } = await begun()
    vi.setSystemTime(Date.now() + at.mediaport.policy.leaseSeconds * 1000)
    const second = new Sender(pngOf(9000))
    const taking = send(at, { body: second })
    await eventually(() => types(at.told)).toEqual(['attempt-replaced'])
    sender.end()
    expect((await uploading).isErr()).toBe(true)
    expect(await rowOf(at)).toMatchObject({ state: 'receiving' })
    second.end()
    expect((await taking)._unsafeUnwrap()).toMatchObject({ state: 'stored', replayed: false })
    expect(await at.files()).toBe(1)
  })

  it('is refused where the row was forgotten just now, and can be sent again', async () => {
    const at = world({
      wrapMedia: (media) =>
        over(media, {
          add: (...added) =>
            media.add(...added).orElse((error) => {
              if (error.type === 'unavailable') return err(error)
              return media.forget(error.media.id, error.media.attempt).andThen(() => err(error))
            }),
        }),
    })
    const { id } = await sent(at)
    await at.mediaport.deleteMedia(id)
    expect(await refused(at)).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect((await sent(at)).replayed).toBe(false)
  })
})

function fail(): never {
  throw new Error('the storage was asked')
}
