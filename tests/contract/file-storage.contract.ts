import { createHash, randomBytes, randomUUID } from 'node:crypto'
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
import { type Attempt, type MediaId, type StorageKey, storageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { collect, inChunks, noise, PNG, pngOf, sha256 } from '../samples.ts'

export interface OpenedStorage {
  readonly storage: FileStorage
  /** How many files it holds of any kind, hidden and temporary ones too; where that can be told from outside. */
  readonly held?: () => Promise<number>
  /** How many files it has open; where that can be told from outside. */
  readonly opened?: () => Promise<number>
  /** The largest file that it takes, in bytes, where that is less than 25 MiB. */
  readonly largest?: number
  /** Waits until it knows of all that was done; for a storage that comes to know of its files late. */
  readonly settled?: () => Promise<unknown>
}

type Body = AsyncIterable<Uint8Array>

const KIB = 1024
const MIB = 1024 * KIB

/**
 * What every FileStorage owes.
 * @param open opens a storage that holds nothing, for one check; it registers its own clearing away.
 */
export function fileStorageContract(name: string, open: () => Promise<OpenedStorage>): void {
  const openEmpty = async () => patient(await open())
  describe(`FileStorage: ${name}`, () => {
    describe('keeps the bytes', () => {
      it.each([
        ['a small picture', PNG, 64 * KIB],
        ['a single byte', Buffer.from([0]), 1],
        ['every value that a byte can have', Buffer.from(Array.from({ length: 256 }, (_, value) => value)), 100],
        ['1 MiB and a byte in chunks of an odd size', noise(MIB + 1), 4099],
        ['4,000 bytes that come one by one', noise(4000), 1],
        ['3 MiB in one chunk', noise(3 * MIB), 3 * MIB],
      ])('%s', async (_, bytes, chunkSize) => {
        const { storage } = await openEmpty()
        const key = newKey()
        const file = await stored(storage, key, inChunks(bytes, chunkSize))
        expect(file.size).toBe(bytes.length)
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it('25 MiB, or as many as it takes, told by their hash', async () => {
        const { storage, largest = 25 * MIB } = await openEmpty()
        const parts = Math.min(25, Math.floor(largest / MIB))
        const key = newKey()
        const sent = createHash('sha256')
        async function* body(): Body {
          for (let part = 0; part < parts; part++) {
            const bytes = noise(MIB, String(part))
            sent.update(bytes)
            yield* inChunks(bytes)
          }
        }
        expect((await stored(storage, key, body())).size).toBe(parts * MIB)
        const kept = createHash('sha256')
        let size = 0
        for await (const chunk of await opened(storage, key)) {
          kept.update(chunk)
          size += chunk.length
        }
        expect(size).toBe(parts * MIB)
        expect(kept.digest('hex')).toBe(sent.digest('hex'))
      })

      it('whatever empty chunks come between', async () => {
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
        expect((await stored(storage, key, body())).size).toBe(6)
        expect((await read(storage, key)).toString()).toBe('onetwo')
      })

      it('of chunks that are views of a larger buffer', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const buffer = noise(1000)
        async function* body(): Body {
          yield new Uint8Array(buffer.buffer, buffer.byteOffset + 100, 50)
          yield new Uint8Array(buffer.buffer, buffer.byteOffset + 700, 50)
        }
        await stored(storage, key, body())
        const expected = Buffer.concat([buffer.subarray(100, 150), buffer.subarray(700, 750)])
        expect(expected.equals(await read(storage, key))).toBe(true)
      })

      it('of chunks that it owns, and never takes the memory that other views share', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const bytes = noise(3 * MIB)
        const memory = new ArrayBuffer(1000)
        const other = new Uint8Array(memory, 500)
        async function* body(): Body {
          for await (const chunk of inChunks(bytes)) yield Uint8Array.from(chunk)
          yield new Uint8Array(memory, 0, 500)
        }
        const file = await stored(storage, key, body(), { ownsChunks: true })
        expect(file.size).toBe(bytes.length + 500)
        expect(other).toHaveLength(500)
        expect(Buffer.concat([bytes, Buffer.alloc(500)]).equals(await read(storage, key))).toBe(true)
      })

      it('and leaves the memory of chunks that it does not own', async () => {
        const { storage } = await openEmpty()
        const chunk = Uint8Array.from(noise(MIB))
        async function* body(): Body {
          yield chunk
        }
        await stored(storage, newKey(), body())
        expect(chunk).toHaveLength(MIB)
      })

      it('of no bytes at all as an empty file, or refuses them and keeps nothing', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const answer = await put(opening.storage, key, inChunks(Buffer.alloc(0)))
        if (answer.isErr()) return nothingIsLeft(opening, key)
        expect(answer.value.size).toBe(0)
        expect(await read(opening.storage, key)).toHaveLength(0)
      })

      it('of twenty files that come at once, each its own', async () => {
        const { storage } = await openEmpty()
        const files = Array.from({ length: 20 }, (_, n) => ({ key: newKey(), bytes: noise(1 + n * 10_007, `${n}`) }))
        await Promise.all(files.map(({ key, bytes }) => stored(storage, key, unhurried(inChunks(bytes, 5000)))))
        for (const { key, bytes } of files) expect(sha256(await read(storage, key))).toBe(sha256(bytes))
      })

      it('of two attempts at one media apart', async () => {
        const { storage } = await openEmpty()
        const id = randomUUID() as MediaId
        const [first, second] = [newKey(id), newKey(id)]
        await Promise.all([
          stored(storage, first, unhurried(inChunks(Buffer.from('first'), 1))),
          stored(storage, second, unhurried(inChunks(Buffer.from('second'), 1))),
        ])
        expect((await read(storage, first)).toString()).toBe('first')
        expect((await read(storage, second)).toString()).toBe('second')
      })

      it('and says how it calls the file', async () => {
        const { storage } = await openEmpty()
        const one = await stored(storage, newKey(), inChunks(PNG))
        const other = await stored(storage, newKey(), inChunks(PNG))
        expect(one.fileId).not.toBe('')
        expect(one.fileId).not.toBe(other.fileId)
        for (const { url } of [one, other]) expect(url === undefined || URL.canParse(url)).toBe(true)
      })

      it('has a name that rows can keep', async () => {
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
        ['the head', { start: 0, end: 4099 }],
        ['the tail', { start: last - 999, end: last }],
        ['two bytes on both sides of a border between chunks', { start: 64 * KIB - 1, end: 64 * KIB }],
        ['across several chunks', { start: 1000, end: 150_000 }],
        ['a whole chunk', { start: 64 * KIB, end: 128 * KIB - 1 }],
        ['the whole file', { start: 0, end: last }],
      ])('%s', async (_, range) => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(bytes))
        expect(bytes.subarray(range.start, range.end + 1).equals(await read(storage, key, range))).toBe(true)
      })

      it('the only byte of a file as a range', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(Buffer.from('x')))
        expect((await read(storage, key, { start: 0, end: 0 })).toString()).toBe('x')
      })

      it('one file many times at once', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(bytes))
        const readings = await Promise.all(Array.from({ length: 8 }, () => read(storage, key)))
        for (const reading of readings) expect(bytes.equals(reading)).toBe(true)
      })

      it('on, after a reader stopped early', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(bytes))
        expect(await first(await opened(storage, key))).not.toHaveLength(0)
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it.each<[string, (body: Body) => Promise<unknown>]>([
        ['to its end', async (body) => collect(body)],
        ['early', async (body) => first(body)],
        ['before the first byte', async (body) => body[Symbol.asyncIterator]().return?.()],
      ])('and lets go of the file, where the reader stopped %s', async (_, readSome) => {
        const { storage, opened: files } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(bytes))
        const body = await opened(storage, key)
        await readSome(body)
        try {
          if (files) await expect.poll(files).toBe(0)
        } finally {
          // A file that nobody lets go of would end this process.
          await collect(body).catch(() => undefined)
        }
        expect(bytes.equals(await read(storage, key))).toBe(true)
      })

      it('no file that was never put, and says so before the first byte', async () => {
        const { storage } = await openEmpty()
        await stored(storage, newKey(), inChunks(PNG))
        await isMissing(storage, newKey())
      })

      it('no range of a file that was never put', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        expect((await storage.open(key, { start: 0, end: 0 }))._unsafeUnwrapErr()).toEqual({
          type: 'file-missing',
          key,
        })
      })
    })

    describe('deletes', () => {
      it('so that nothing of the file is left, though it was read before', async () => {
        const opening = await openEmpty()
        const key = newKey()
        await stored(opening.storage, key, inChunks(noise(MIB)))
        expect(await read(opening.storage, key)).toHaveLength(MIB)
        await deleted(opening.storage, key)
        await nothingIsLeft(opening, key)
      })

      it('what is gone already', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(PNG))
        await deleted(storage, key)
        await deleted(storage, key)
      })

      it('one file many times at once', async () => {
        const opening = await openEmpty()
        const key = newKey()
        await stored(opening.storage, key, inChunks(PNG))
        await Promise.all(Array.from({ length: 8 }, () => deleted(opening.storage, key)))
        await nothingIsLeft(opening, key)
      })

      it('what was never there', async () => {
        const { storage } = await openEmpty()
        await deleted(storage, newKey())
      })

      it('nothing else, not even another attempt at the same media', async () => {
        const { storage } = await openEmpty()
        const id = randomUUID() as MediaId
        const [gone, kept, other] = [newKey(id), newKey(id), newKey()]
        for (const key of [gone, kept, other]) await stored(storage, key, inChunks(PNG))
        await deleted(storage, gone)
        await isMissing(storage, gone)
        expect(await listedKeys(storage)).toEqual([kept, other].toSorted())
        expect(PNG.equals(await read(storage, kept))).toBe(true)
      })

      it('what a put under way may still write, once both have ended and it is told again', async () => {
        const opening = await openEmpty()
        const { storage } = opening
        const key = newKey()
        const sender = paused(noise(100 * KIB), noise(100 * KIB))
        const putting = put(storage, key, sender.body)
        await sender.reached
        const deleting = deleted(storage, key)
        sender.goOn()
        await Promise.all([putting, deleting])
        await deleted(storage, key)
        await nothingIsLeft(opening, key)
      })

      it('what a failed put never kept', async () => {
        const opening = await openEmpty()
        const key = newKey()
        await interrupted(opening.storage, key, failing(noise(MIB), new Error('gone')))
        await deleted(opening.storage, key)
        await nothingIsLeft(opening, key)
      })
    })

    describe('keeps nothing of a file whose sender fails', () => {
      const whole = noise(300 * KIB)

      it.each([
        ['before the first byte', 0],
        ['after one byte', 1],
        ['half way', whole.length / 2],
        ['one byte before the end', whole.length - 1],
        ['after the last byte', whole.length],
      ])('%s', async (_, sent) => {
        const opening = await openEmpty()
        const key = newKey()
        const cause = new Error('the sender left')
        const error = await interrupted(opening.storage, key, failing(whole.subarray(0, sent), cause))
        expect(error.cause).toBe(cause)
        await nothingIsLeft(opening, key)
      })

      it('with something that is no Error', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const cause = { type: 'too-large', limit: 1 }
        const error = await interrupted(opening.storage, key, failing(PNG, cause))
        expect(error.cause).toBe(cause)
        await nothingIsLeft(opening, key)
      })

      // What was begun for a file may be there only after its sender has failed: not every time.
      it('two hundred times in a row', async () => {
        const opening = await openEmpty()
        const key = newKey()
        for (let n = 0; n < 200; n++) {
          const sent = whole.subarray(0, n % 2)
          await interrupted(opening.storage, newKey(), failing(sent, new Error('the sender left')))
        }
        await nothingIsLeft(opening, key)
      })

      it('many MiB later', async () => {
        const opening = await openEmpty()
        const key = newKey()
        await interrupted(opening.storage, key, failing(noise(8 * MIB), new Error('the sender left')))
        await nothingIsLeft(opening, key)
      })

      it('and takes the next one', async () => {
        const { storage } = await openEmpty()
        await interrupted(storage, newKey(), failing(whole, new Error('the sender left')))
        const key = newKey()
        await stored(storage, key, inChunks(PNG))
        expect(PNG.equals(await read(storage, key))).toBe(true)
      })

      it('while others go on', async () => {
        const { storage } = await openEmpty()
        const [bad, good] = [newKey(), newKey()]
        await Promise.all([
          interrupted(storage, bad, failing(unhurried(inChunks(whole, 10_000)), new Error('the sender left'))),
          stored(storage, good, unhurried(inChunks(whole, 5000))),
        ])
        expect(await listedKeys(storage)).toEqual([good])
        expect(whole.equals(await read(storage, good))).toBe(true)
      })
    })

    describe('keeps nothing of a file that is given up', () => {
      it('before it was begun', async () => {
        const opening = await openEmpty()
        const key = newKey()
        await interrupted(opening.storage, key, inChunks(PNG), { signal: AbortSignal.abort() })
        await nothingIsLeft(opening, key)
      })

      it('before its first byte came', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const giveUp = new AbortController()
        const sender = stalled([], giveUp.signal)
        const putting = interrupted(opening.storage, key, sender.body, { signal: giveUp.signal })
        await sender.reached
        giveUp.abort()
        await putting
        await nothingIsLeft(opening, key)
      })

      it('while its sender is silent', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const giveUp = new AbortController()
        const sender = stalled([noise(100 * KIB), noise(100 * KIB)], giveUp.signal)
        const putting = interrupted(opening.storage, key, sender.body, { signal: giveUp.signal })
        await sender.reached
        const failure = { type: 'too-slow' }
        giveUp.abort(failure)
        expect((await putting).cause).toBe(failure)
        await nothingIsLeft(opening, key)
      })

      it('while its sender goes on, and stops reading', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const giveUp = new AbortController()
        let sent = 0
        async function* body(): Body {
          for (; sent < 5000; sent++) {
            if (sent === 3) giveUp.abort()
            await setImmediate()
            yield noise(KIB)
          }
        }
        await interrupted(opening.storage, key, body(), { signal: giveUp.signal })
        expect(sent).toBeLessThan(5000)
        await nothingIsLeft(opening, key)
      })

      it('just as its last byte has come, unless it answers that it kept the file, or may have', async () => {
        const opening = await openEmpty()
        const key = newKey()
        const giveUp = new AbortController()
        async function* body(): Body {
          yield* inChunks(PNG)
          giveUp.abort()
        }
        const answer = await put(opening.storage, key, body(), { signal: giveUp.signal })
        if (answer.isOk()) expect(PNG.equals(await read(opening.storage, key))).toBe(true)
        else {
          expect(['interrupted', 'unavailable']).toContain(answer.error.type)
          if (answer.error.type === 'unavailable') await deleted(opening.storage, key)
          await nothingIsLeft(opening, key)
        }
      })

      it('but keeps one that was complete before', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const giveUp = new AbortController()
        await stored(storage, key, inChunks(PNG), { signal: giveUp.signal })
        giveUp.abort()
        expect(PNG.equals(await read(storage, key))).toBe(true)
        expect(await listedKeys(storage)).toEqual([key])
      })
    })

    describe('shows a file', () => {
      it('only when all of it has come', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        const sender = paused(noise(200 * KIB), noise(1))
        const putting = stored(storage, key, sender.body)
        await sender.reached
        await isMissing(storage, key)
        expect(await listedKeys(storage)).toEqual([])
        sender.goOn()
        await putting
        expect(await read(storage, key)).toHaveLength(200 * KIB + 1)
        expect(await listedKeys(storage)).toEqual([key])
      })

      it('with its size and the time it was written at', async () => {
        const { storage } = await openEmpty()
        const key = newKey()
        await stored(storage, key, inChunks(noise(12_345)))
        const [file, ...others] = await listed(storage)
        expect(others).toEqual([])
        expect(file).toMatchObject({ key, size: 12_345, modifiedAt: expect.any(Date) })
        // A storage may have a clock of its own.
        expect(Math.abs((file?.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
      })

      it('no more than it holds: an empty storage lists an empty page', async () => {
        const { storage } = await openEmpty()
        expect((await storage.list())._unsafeUnwrap()).toEqual([])
        expect((await storage.list(newKey()))._unsafeUnwrap()).toEqual([])
      })
    })

    describe('lists', () => {
      it('after any file those that come behind it', async () => {
        const { storage } = await openEmpty()
        for (let n = 0; n < 12; n++) {
          await stored(storage, newKey(), inChunks(pngOf(100 + n)))
          // Which of two files of one moment comes first, a storage may decide anew each time.
          for (const now = Date.now(); Date.now() === now; ) await setImmediate()
        }
        const all = await listed(storage)
        expect(all).toHaveLength(12)
        for (const [index, { key }] of all.entries())
          expect((await storage.list(key))._unsafeUnwrap()).toEqual(all.slice(index + 1))
      })

      it('in an order that more files do not change', async () => {
        const { storage } = await openEmpty()
        const more = () => Promise.all(Array.from({ length: 30 }, () => stored(storage, newKey(), inChunks(PNG))))
        await more()
        const before = (await listed(storage)).map(({ key }) => key)
        await more()
        const after = (await listed(storage)).map(({ key }) => key)
        expect(after).toHaveLength(60)
        expect(after.filter((key) => before.includes(key))).toEqual(before)
      })

      it('more than a thousand files, each once, in pages of at most a thousand, to an empty page', async () => {
        const { storage } = await openEmpty()
        const keys = Array.from({ length: 1003 }, () => newKey())
        for (let start = 0; start < keys.length; start += 50)
          await Promise.all(
            keys.slice(start, start + 50).map((key) => stored(storage, key, inChunks(Buffer.from('x')))),
          )
        const found = await pages(storage)
        for (const page of found) expect(page.length).toBeLessThanOrEqual(1000)
        expect(
          found
            .flat()
            .map(({ key }) => key)
            .toSorted(),
        ).toEqual(keys.toSorted())
      })
    })
  })
}

const newKey = (id = randomUUID() as MediaId): StorageKey => storageKey(id, randomBytes(8).toString('hex') as Attempt)

/** Asks for what a storage may know late only once it knows it; that it is late is all that is forgiven. */
function patient(opened: OpenedStorage): OpenedStorage {
  const { storage, settled } = opened
  if (!settled) return opened
  const late = <T, E>(ask: () => ResultAsync<T, E>) => ResultAsync.fromSafePromise(settled()).andThen(ask)
  return {
    ...opened,
    storage: {
      name: storage.name,
      put: (...given) => storage.put(...given),
      open: (...given) => storage.open(...given),
      delete: (...given) => late(() => storage.delete(...given)),
      list: (...given) => late(() => storage.list(...given)),
    },
  }
}

function put(storage: FileStorage, key: StorageKey, body: Body, hints: Partial<PutHints> = {}) {
  const { signal } = new AbortController()
  return storage.put(key, body, { contentType: 'image/png' as ContentType, signal, ...hints })
}

async function stored(...args: Parameters<typeof put>): Promise<StoredFile> {
  return (await put(...args))._unsafeUnwrap()
}

async function interrupted(...args: Parameters<typeof put>): Promise<PutError> {
  const error = (await put(...args))._unsafeUnwrapErr()
  expect(error.type).toBe('interrupted')
  return error
}

async function opened(storage: FileStorage, key: StorageKey, range?: ByteRange): Promise<Body> {
  return (await storage.open(key, range))._unsafeUnwrap()
}

const read = async (storage: FileStorage, key: StorageKey, range?: ByteRange): Promise<Buffer> =>
  collect(await opened(storage, key, range))

async function first(body: Body): Promise<Uint8Array> {
  for await (const chunk of body) return chunk
  throw new Error('there is no first chunk')
}

async function deleted(storage: FileStorage, key: StorageKey): Promise<void> {
  expect((await storage.delete(key)).isOk()).toBe(true)
}

async function pages(storage: FileStorage): Promise<readonly (readonly ListedFile[])[]> {
  const found: (readonly ListedFile[])[] = []
  for (;;) {
    const page = (await storage.list(found.at(-1)?.at(-1)?.key))._unsafeUnwrap()
    if (page.length === 0) return found
    found.push(page)
    if (found.length > 1000) throw new Error('the list has no end')
  }
}

const listed = async (storage: FileStorage): Promise<readonly ListedFile[]> => (await pages(storage)).flat()
const listedKeys = async (storage: FileStorage): Promise<readonly StorageKey[]> =>
  (await listed(storage)).map(({ key }) => key).toSorted()

async function isMissing(storage: FileStorage, key: StorageKey): Promise<void> {
  expect((await storage.open(key))._unsafeUnwrapErr()).toEqual({ type: 'file-missing', key })
}

async function nothingIsLeft({ storage, held, opened: files }: OpenedStorage, key: StorageKey): Promise<void> {
  await isMissing(storage, key)
  expect(await listedKeys(storage)).toEqual([])
  if (held) expect(await held()).toBe(0)
  if (files) await expect.poll(files).toBe(0)
}

async function* failing(bytes: Uint8Array | Body, cause: unknown): Body {
  yield* bytes instanceof Uint8Array ? inChunks(bytes, 40_000) : bytes
  throw cause
}

/** Lets others run between two chunks. */
async function* unhurried(body: Body): Body {
  for await (const chunk of body) {
    await setImmediate()
    yield chunk
  }
}

/** Sends `head`, then waits for `goOn` before it sends the rest. */
function paused(head: Uint8Array, rest: Uint8Array) {
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  async function* body(): Body {
    yield* inChunks(head)
    reached.resolve()
    await gate.promise
    yield* inChunks(rest)
  }
  return { body: body(), reached: reached.promise, goOn: gate.resolve }
}

/** Sends `chunks`, then nothing until it is given up; then it throws the reason, as an incoming body does. */
function stalled(chunks: readonly Uint8Array[], signal: AbortSignal) {
  const reached = Promise.withResolvers<void>()
  async function* body(): Body {
    yield* chunks
    const givenUp = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    reached.resolve()
    await givenUp
    throw signal.reason
  }
  return { body: body(), reached: reached.promise }
}
