import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import type {
  ByteRange,
  FileStorage,
  ListedFile,
  PutError,
  PutHints,
  StoredFile,
} from '../../src/application/ports/file-storage.ts'
import { type StorageKey, storageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { collect, inChunks, noise, PNG, pngOf, sha256 } from '../samples.ts'
import { newAttempt, newId } from '../support/ids.ts'

export interface StorageFixture {
  readonly storage: FileStorage
  /** The number of files of any kind, with hidden and temporary ones. Absent if it cannot be observed. */
  readonly countFiles?: () => Promise<number>
  /** The number of open files. Absent if it cannot be observed. */
  readonly openFiles?: () => Promise<number>
  /** The maximum size of a file, in bytes. 25 MiB by default. */
  readonly maxBytes?: number
  /** Waits until lists contain all earlier changes. Absent if they always do. */
  readonly untilListed?: () => Promise<unknown>
}

type Body = AsyncIterable<Uint8Array>

const KIB = 1024
const MIB = 1024 * KIB

/**
 * Describes the guarantees of every FileStorage.
 *
 * @param open Opens an empty storage for one test, and registers its own cleanup.
 */
export function fileStorageContract(name: string, open: () => Promise<StorageFixture>): void {
  const openEmpty = async () => waitForLists(await open())
  describe(`FileStorage: ${name}`, () => {
    describe('stores', () => {
      it.each([
        ['a small image', PNG, 64 * KIB],
        ['a single byte', Buffer.from([0]), 1],
        ['every byte value', Buffer.from(Array.from({ length: 256 }, (_, value) => value)), 100],
        ['1 MiB and one byte in chunks of an odd size', noise(MIB + 1), 4099],
        ['4,000 chunks of one byte', noise(4000), 1],
        ['3 MiB in one chunk', noise(3 * MIB), 3 * MIB],
      ])('%s', async (_, bytes, chunkSize) => {
        const { storage } = await openEmpty()
        const key = newKey()
        const file = await putFile(storage, key, inChunks(bytes, chunkSize))
        expect(file.size).toBe(bytes.length)
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it('25 MiB, or its maximum size, with the same digest', async () => {
        const { storage, maxBytes = 25 * MIB } = await openEmpty()
        const parts = Math.min(25, Math.floor(maxBytes / MIB))
        const key = newKey()
        const sent = createHash('sha256')
        async function* body(): Body {
          for (let part = 0; part < parts; part++) {
            const bytes = noise(MIB, String(part))
            sent.update(bytes)
            yield* inChunks(bytes)
          }
        }
        expect((await putFile(storage, key, body())).size).toBe(parts * MIB)
        const received = createHash('sha256')
        let size = 0
        for await (const chunk of await openFile(storage, key)) {
          received.update(chunk)
          size += chunk.length
        }
        expect(size).toBe(parts * MIB)
        expect(received.digest('hex')).toBe(sent.digest('hex'))
      })

      it('a body with empty chunks', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const empty = new Uint8Array()
        async function* body(): Body {
          yield empty
          yield Buffer.from('one')
          yield empty
          yield empty
          yield Buffer.from('two')
          yield empty
        }
        expect((await putFile(storage, key, body())).size).toBe(6)
        expect((await read(storage, key)).toString()).toBe('onetwo')
      })

      it('chunks that are views of a larger buffer', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const buffer = noise(1000)
        async function* body(): Body {
          yield new Uint8Array(buffer.buffer, buffer.byteOffset + 100, 50)
          yield new Uint8Array(buffer.buffer, buffer.byteOffset + 700, 50)
        }
        await putFile(storage, key, body())
        const expected = Buffer.concat([buffer.subarray(100, 150), buffer.subarray(700, 750)])
        expect(expected.equals(await read(storage, key))).toBe(true)
      })

      it('chunks that it owns, without detaching memory that other views share', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const bytes = noise(3 * MIB)
        const memory = new ArrayBuffer(1000)
        const other = new Uint8Array(memory, 500)
        async function* body(): Body {
          for await (const chunk of inChunks(bytes)) yield Uint8Array.from(chunk)
          yield new Uint8Array(memory, 0, 500)
        }
        const file = await putFile(storage, key, body(), { ownsChunks: true })
        expect(file.size).toBe(bytes.length + 500)
        expect(other).toHaveLength(500)
        expect(Buffer.concat([bytes, Buffer.alloc(500)]).equals(await read(storage, key))).toBe(true)
      })

      it('chunks that it does not own, without detaching their memory', async () => {
        const { storage } = await openEmpty()
        const chunk = Uint8Array.from(noise(MIB))
        async function* body(): Body {
          yield chunk
        }
        await putFile(storage, newKey(), body())
        expect(chunk).toHaveLength(MIB)
      })

      it('an empty body as an empty file, or rejects it and keeps nothing', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const answer = await put(fixture.storage, key, inChunks(Buffer.alloc(0)))
        if (answer.isErr()) return expectNothingLeft(fixture, key)
        expect(answer.value.size).toBe(0)
        expect(await read(fixture.storage, key)).toHaveLength(0)
      })

      it('twenty files at the same time', async () => {
        const { storage } = await openEmpty()
        const files = Array.from({ length: 20 }, (_, n) => ({ key: newKey(), bytes: noise(1 + n * 10_007, `${n}`) }))
        await Promise.all(files.map(({ key, bytes }) => putFile(storage, key, slowBody(inChunks(bytes, 5000)))))
        for (const { key, bytes } of files) expect(sha256(await read(storage, key))).toBe(sha256(bytes))
      })

      it('two attempts at one media item as separate files', async () => {
        const { storage } = await openEmpty()
        const id = newId()
        const [first, second] = [newKey(id), newKey(id)]
        await Promise.all([
          putFile(storage, first, slowBody(inChunks(Buffer.from('first'), 1))),
          putFile(storage, second, slowBody(inChunks(Buffer.from('second'), 1))),
        ])
        expect((await read(storage, first)).toString()).toBe('first')
        expect((await read(storage, second)).toString()).toBe('second')
      })

      it('each file with its own id, and with a valid URL if it has one', async () => {
        const { storage } = await openEmpty()
        const one = await putFile(storage, newKey(), inChunks(PNG))
        const other = await putFile(storage, newKey(), inChunks(PNG))
        expect(one.fileId).not.toBe('')
        expect(one.fileId).not.toBe(other.fileId)
        for (const { url } of [one, other]) expect(url === undefined || URL.canParse(url)).toBe(true)
      })

      it('files under a constant storage name of lower-case letters, digits and hyphens', async () => {
        const [one, other] = [await openEmpty(), await openEmpty()]
        expect(one.storage.name).toMatch(/^[a-z][a-z0-9-]*$/)
        expect(other.storage.name).toBe(one.storage.name)
      })
    })

    describe('reads', () => {
      const bytes = noise(200 * KIB)
      const last = bytes.length - 1

      it.each<[string, ByteRange]>([
        ['the first byte', { start: 0, end: 0 }],
        ['the last byte', { start: last, end: last }],
        ['a byte in the middle', { start: 100_000, end: 100_000 }],
        ['the beginning', { start: 0, end: 4099 }],
        ['the end', { start: last - 999, end: last }],
        ['one byte on each side of a chunk boundary', { start: 64 * KIB - 1, end: 64 * KIB }],
        ['a range across several chunks', { start: 1000, end: 150_000 }],
        ['a whole chunk', { start: 64 * KIB, end: 128 * KIB - 1 }],
        ['the whole file', { start: 0, end: last }],
      ])('%s', async (_, range) => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(bytes))
        expect(bytes.subarray(range.start, range.end + 1).equals(await read(storage, key, range))).toBe(true)
      })

      it('the only byte of a file as a range', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(Buffer.from('x')))
        expect((await read(storage, key, { start: 0, end: 0 })).toString()).toBe('x')
      })

      it('one file eight times at the same time', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(bytes))
        const contents = await Promise.all(Array.from({ length: 8 }, () => read(storage, key)))
        for (const content of contents) expect(bytes.equals(content)).toBe(true)
      })

      it('a file again after a reader stopped early', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(bytes))
        expect(await first(await openFile(storage, key))).not.toHaveLength(0)
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it.each<[string, (body: Body) => Promise<unknown>]>([
        ['to its end', async (body) => collect(body)],
        ['early', async (body) => first(body)],
        ['before the first byte', async (body) => body[Symbol.asyncIterator]().return?.()],
      ])('a file and closes it if the reader stopped %s', async (_, readPart) => {
        const { storage, openFiles } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(bytes))
        const body = await openFile(storage, key)
        await readPart(body)
        try {
          if (openFiles) await expect.poll(openFiles).toBe(0)
        } finally {
          // An unclosed FileHandle throws when it is garbage-collected, which ends the process.
          await collect(body).catch(() => undefined)
        }
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it('a missing file as an error before the first byte', async () => {
        const { storage } = await openEmpty()
        await putFile(storage, newKey(), inChunks(PNG))
        await expectMissing(storage, newKey())
      })

      it('a range of a missing file as an error', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        expect((await storage.open(key, { start: 0, end: 0 }))._unsafeUnwrapErr()).toEqual({
          type: 'file-missing',
          key,
        })
      })
    })

    describe('deletes', () => {
      it('a file completely, also after it was read', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        await putFile(fixture.storage, key, inChunks(noise(MIB)))
        expect(await read(fixture.storage, key)).toHaveLength(MIB)
        await deleteFile(fixture.storage, key)
        await expectNothingLeft(fixture, key)
      })

      it('a deleted file without an error', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(PNG))
        await deleteFile(storage, key)
        await deleteFile(storage, key)
      })

      it('one file eight times at the same time', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        await putFile(fixture.storage, key, inChunks(PNG))
        await Promise.all(Array.from({ length: 8 }, () => deleteFile(fixture.storage, key)))
        await expectNothingLeft(fixture, key)
      })

      it('a file that never existed without an error', async () => {
        const { storage } = await openEmpty()
        await deleteFile(storage, newKey())
      })

      it('only that file, and not another attempt at the same media item', async () => {
        const { storage } = await openEmpty()
        const id = newId()
        const [deletedKey, keptKey, other] = [newKey(id), newKey(id), newKey()]
        for (const key of [deletedKey, keptKey, other]) await putFile(storage, key, inChunks(PNG))
        await deleteFile(storage, deletedKey)
        await expectMissing(storage, deletedKey)
        expect(await listKeys(storage)).toEqual([keptKey, other].toSorted())
        expect(PNG.equals(await read(storage, keptKey))).toBe(true)
      })

      it('the file of a concurrent `put`, if it is called again after both have ended', async () => {
        const fixture = await openEmpty()
        const { storage } = fixture
        const key = newKey()
        const sender = pausedBody(noise(100 * KIB), noise(100 * KIB))
        const result = put(storage, key, sender.body)
        await sender.reached
        const deletion = deleteFile(storage, key)
        sender.resume()
        await Promise.all([result, deletion])
        await deleteFile(storage, key)
        await expectNothingLeft(fixture, key)
      })

      it('the file of a failed `put` without an error', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        await putInterrupted(fixture.storage, key, failingBody(noise(MIB), new Error('gone')))
        await deleteFile(fixture.storage, key)
        await expectNothingLeft(fixture, key)
      })
    })

    describe('keeps nothing if the body fails', () => {
      const whole = noise(300 * KIB)

      it.each([
        ['before the first byte', 0],
        ['after one byte', 1],
        ['in the middle', whole.length / 2],
        ['one byte before the end', whole.length - 1],
        ['after the last byte', whole.length],
      ])('%s', async (_, sent) => {
        const fixture = await openEmpty()
        const key = newKey()
        const cause = new Error('the sender left')
        const error = await putInterrupted(fixture.storage, key, failingBody(whole.subarray(0, sent), cause))
        expect(error.cause).toBe(cause)
        await expectNothingLeft(fixture, key)
      })

      it('with a value that is not an Error', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const cause = { type: 'too-large', limit: 1 }
        const error = await putInterrupted(fixture.storage, key, failingBody(PNG, cause))
        expect(error.cause).toBe(cause)
        await expectNothingLeft(fixture, key)
      })

      // A race: the storage may create its temporary file after the body has failed.
      it('two hundred times in a row', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        for (let n = 0; n < 200; n++) {
          const sent = whole.subarray(0, n % 2)
          await putInterrupted(fixture.storage, newKey(), failingBody(sent, new Error('the sender left')))
        }
        await expectNothingLeft(fixture, key)
      })

      it('after 8 MiB', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        await putInterrupted(fixture.storage, key, failingBody(noise(8 * MIB), new Error('the sender left')))
        await expectNothingLeft(fixture, key)
      })

      it('and stores the next file', async () => {
        const { storage } = await openEmpty()
        await putInterrupted(storage, newKey(), failingBody(whole, new Error('the sender left')))
        const key = newKey()
        await putFile(storage, key, inChunks(PNG))
        expect(PNG.equals(await read(storage, key))).toBe(true)
      })

      it('and does not affect a concurrent `put`', async () => {
        const { storage } = await openEmpty()
        const [bad, good] = [newKey(), newKey()]
        await Promise.all([
          putInterrupted(storage, bad, failingBody(slowBody(inChunks(whole, 10_000)), new Error('the sender left'))),
          putFile(storage, good, slowBody(inChunks(whole, 5000))),
        ])
        expect(await listKeys(storage)).toEqual([good])
        expect(whole.equals(await read(storage, good))).toBe(true)
      })
    })

    describe('keeps nothing if the signal is aborted', () => {
      it('before `put` is called', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        await putInterrupted(fixture.storage, key, inChunks(PNG), { signal: AbortSignal.abort() })
        await expectNothingLeft(fixture, key)
      })

      it('before the first byte arrives', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const controller = new AbortController()
        const sender = silentBody([], controller.signal)
        const result = putInterrupted(fixture.storage, key, sender.body, { signal: controller.signal })
        await sender.reached
        controller.abort()
        await result
        await expectNothingLeft(fixture, key)
      })

      it('while the sender is silent', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const controller = new AbortController()
        const sender = silentBody([noise(100 * KIB), noise(100 * KIB)], controller.signal)
        const result = putInterrupted(fixture.storage, key, sender.body, { signal: controller.signal })
        await sender.reached
        const failure = { type: 'too-slow' }
        controller.abort(failure)
        expect((await result).cause).toBe(failure)
        await expectNothingLeft(fixture, key)
      })

      it('while bytes arrive, and stops reading', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const controller = new AbortController()
        let sent = 0
        async function* body(): Body {
          for (; sent < 5000; sent++) {
            if (sent === 3) controller.abort()
            await setImmediate()
            yield noise(KIB)
          }
        }
        await putInterrupted(fixture.storage, key, body(), { signal: controller.signal })
        expect(sent).toBeLessThan(5000)
        await expectNothingLeft(fixture, key)
      })

      it('after the last byte, unless it returns success or `unavailable`', async () => {
        const fixture = await openEmpty()
        const key = newKey()
        const controller = new AbortController()
        async function* body(): Body {
          yield* inChunks(PNG)
          controller.abort()
        }
        const answer = await put(fixture.storage, key, body(), { signal: controller.signal })
        if (answer.isOk()) expect(PNG.equals(await read(fixture.storage, key))).toBe(true)
        else {
          expect(['interrupted', 'unavailable']).toContain(answer.error.type)
          if (answer.error.type === 'unavailable') await deleteFile(fixture.storage, key)
          await expectNothingLeft(fixture, key)
        }
      })

      it('except that it keeps a file that was complete before', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const controller = new AbortController()
        await putFile(storage, key, inChunks(PNG), { signal: controller.signal })
        controller.abort()
        expect(PNG.equals(await read(storage, key))).toBe(true)
        expect(await listKeys(storage)).toEqual([key])
      })
    })

    describe('shows', () => {
      it('a file only after its last byte', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const sender = pausedBody(noise(200 * KIB), noise(1))
        const result = putFile(storage, key, sender.body)
        await sender.reached
        await expectMissing(storage, key)
        expect(await listKeys(storage)).toEqual([])
        sender.resume()
        await result
        expect(await read(storage, key)).toHaveLength(200 * KIB + 1)
        expect(await listKeys(storage)).toEqual([key])
      })

      it('a file with its size and its modification time', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await putFile(storage, key, inChunks(noise(12_345)))
        const [file, ...others] = await listAll(storage)
        expect(others).toEqual([])
        expect(file).toMatchObject({ key, size: 12_345, modifiedAt: expect.any(Date) })
        // The clock of the storage may differ.
        expect(Math.abs((file?.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
      })

      it('an empty page if it is empty', async () => {
        const { storage } = await openEmpty()
        expect((await storage.list())._unsafeUnwrap()).toEqual([])
        expect((await storage.list(newKey()))._unsafeUnwrap()).toEqual([])
      })
    })

    describe('lists', () => {
      it('the files after any key', async () => {
        const { storage } = await openEmpty()
        for (let n = 0; n < 12; n++) {
          await putFile(storage, newKey(), inChunks(pngOf(100 + n)))
          // The order of two files with the same modification time may vary from list to list.
          for (const now = Date.now(); Date.now() === now; ) await setImmediate()
        }
        const all = await listAll(storage)
        expect(all).toHaveLength(12)
        for (const [index, { key }] of all.entries())
          expect((await storage.list(key))._unsafeUnwrap()).toEqual(all.slice(index + 1))
      })

      it('files in an order that does not change when files are added', async () => {
        const { storage } = await openEmpty()
        const more = () => Promise.all(Array.from({ length: 30 }, () => putFile(storage, newKey(), inChunks(PNG))))
        await more()
        const before = (await listAll(storage)).map(({ key }) => key)
        await more()
        const after = (await listAll(storage)).map(({ key }) => key)
        expect(after).toHaveLength(60)
        expect(after.filter((key) => before.includes(key))).toEqual(before)
      })

      it('1,003 files once each, in pages of at most 1,000, with an empty last page', async () => {
        const { storage } = await openEmpty()
        const keys = Array.from({ length: 1003 }, () => newKey())
        for (let start = 0; start < keys.length; start += 50)
          await Promise.all(
            keys.slice(start, start + 50).map((key) => putFile(storage, key, inChunks(Buffer.from('x')))),
          )
        const pages = await listPages(storage)
        for (const page of pages) expect(page.length).toBeLessThanOrEqual(1000)
        expect(
          pages
            .flat()
            .map(({ key }) => key)
            .toSorted(),
        ).toEqual(keys.toSorted())
      })
    })
  })
}

const newKey = (id = newId()): StorageKey => storageKey(id, newAttempt())

/** Returns a storage whose `delete` and `list` wait for `untilListed`. All other guarantees stay the same. */
function waitForLists(fixture: StorageFixture): StorageFixture {
  const { storage, untilListed } = fixture
  if (!untilListed) return fixture
  const whenListed = <T, E>(ask: () => ResultAsync<T, E>) => ResultAsync.fromSafePromise(untilListed()).andThen(ask)
  return {
    ...fixture,
    storage: {
      name: storage.name,
      put: (...args) => storage.put(...args),
      open: (...args) => storage.open(...args),
      delete: (...args) => whenListed(() => storage.delete(...args)),
      list: (...args) => whenListed(() => storage.list(...args)),
    },
  }
}

function put(storage: FileStorage, key: StorageKey, body: Body, hints: Partial<PutHints> = {}) {
  const { signal } = new AbortController()
  return storage.put(key, body, { contentType: 'image/png' as ContentType, signal, ...hints })
}

async function putFile(...args: Parameters<typeof put>): Promise<StoredFile> {
  return (await put(...args))._unsafeUnwrap()
}

async function putInterrupted(...args: Parameters<typeof put>): Promise<PutError> {
  const error = (await put(...args))._unsafeUnwrapErr()
  expect(error.type).toBe('interrupted')
  return error
}

async function openFile(storage: FileStorage, key: StorageKey, range?: ByteRange): Promise<Body> {
  return (await storage.open(key, range))._unsafeUnwrap()
}

const read = async (storage: FileStorage, key: StorageKey, range?: ByteRange): Promise<Buffer> =>
  collect(await openFile(storage, key, range))

async function first(body: Body): Promise<Uint8Array> {
  for await (const chunk of body) return chunk
  throw new Error('The body has no chunk.')
}

async function deleteFile(storage: FileStorage, key: StorageKey): Promise<void> {
  expect((await storage.delete(key)).isOk()).toBe(true)
}

async function listPages(storage: FileStorage): Promise<readonly (readonly ListedFile[])[]> {
  const pages: (readonly ListedFile[])[] = []
  for (;;) {
    const page = (await storage.list(pages.at(-1)?.at(-1)?.key))._unsafeUnwrap()
    if (page.length === 0) return pages
    pages.push(page)
    if (pages.length > 1000) throw new Error('The list does not end.')
  }
}

const listAll = async (storage: FileStorage): Promise<readonly ListedFile[]> => (await listPages(storage)).flat()
const listKeys = async (storage: FileStorage): Promise<readonly StorageKey[]> =>
  (await listAll(storage)).map(({ key }) => key).toSorted()

async function expectMissing(storage: FileStorage, key: StorageKey): Promise<void> {
  expect((await storage.open(key))._unsafeUnwrapErr()).toEqual({ type: 'file-missing', key })
}

async function expectNothingLeft({ storage, countFiles, openFiles }: StorageFixture, key: StorageKey): Promise<void> {
  await expectMissing(storage, key)
  expect(await listKeys(storage)).toEqual([])
  if (countFiles) expect(await countFiles()).toBe(0)
  if (openFiles) await expect.poll(openFiles).toBe(0)
}

async function* failingBody(bytes: Uint8Array | Body, cause: unknown): Body {
  yield* bytes instanceof Uint8Array ? inChunks(bytes, 40_000) : bytes
  throw cause
}

/** Lets other tasks run between two chunks. */
async function* slowBody(body: Body): Body {
  for await (const chunk of body) {
    await setImmediate()
    yield chunk
  }
}

/** Sends `head`, then waits for `resume`, then sends `rest`. */
function pausedBody(head: Uint8Array, rest: Uint8Array) {
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  async function* body(): Body {
    yield* inChunks(head)
    reached.resolve()
    await gate.promise
    yield* inChunks(rest)
  }
  return { body: body(), reached: reached.promise, resume: gate.resolve }
}

/** Sends `chunks`, then nothing until the signal is aborted. Then it throws the reason, as an incoming body does. */
function silentBody(chunks: readonly Uint8Array[], signal: AbortSignal) {
  const reached = Promise.withResolvers<void>()
  async function* body(): Body {
    yield* chunks
    const abortEvent = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    reached.resolve()
    await abortEvent
    throw signal.reason
  }
  return { body: body(), reached: reached.promise }
}
