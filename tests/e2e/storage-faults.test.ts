import { errAsync, ResultAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import type { FileStorage, PutError } from '../../src/application/ports/file-storage.ts'
import { pngOf } from '../samples.ts'
import { expectProblem, startServer, type TestServer } from './harness.ts'
import { field, file, form, get, post } from './multipart.ts'
import { json, type Wire } from './wire.ts'

const request = post(form(field('title', 'incomplete'), file(pngOf(500_000))))

/** Expects that the only upload was abandoned and cannot be seen. */
async function expectNothingShown(server: TestServer): Promise<void> {
  expect(json(await server.exchange(get('/media/')))).toEqual({ items: [], next: null })
  expect(await server.filesOnDisk()).toEqual([])
  expect((await server.rows()).map(({ state }) => state)).toEqual(['abandoned'])
}

describe('A storage whose folder cannot be written', () => {
  it('makes uploads fail with 503, keeps nothing, and is down in the health check', async () => {
    const server = await startServer({ wrapStorage: () => new FilesystemFileStorage('/dev/null/not-a-folder') })
    const answer = await server.refuses(request, 503, 'unavailable')
    expect(answer.headers).toMatchObject({ 'retry-after': '2' })
    expect(json(answer)).toMatchObject({ dependency: 'storage' })
    expect(answer.body.toString()).not.toContain('not-a-folder')
    await expectNothingShown(server)
    const health = await server.exchange(get('/healthcheck/'))
    expect([health.status, json(health)]).toEqual([
      503,
      { status: 'down', checks: { database: 'up', storage: 'down' } },
    ])
    expect(server.log.at(-1)).toMatchObject({ level: 'debug', status: 503 })
  })
})

describe.each([
  ['is full', 507, { type: 'insufficient-storage', cause: new Error('ENOSPC') }],
  ['refuses', 502, { type: 'storage-error', cause: new Error('403 from the vendor') }],
  ['does not answer', 503, { type: 'unavailable', dependency: 'storage', cause: new Error('ECONNRESET') }],
] as const)('A storage that %s', (_, status, error) => {
  it(`makes an upload fail with ${status}, keeps nothing, and accepts the same upload later`, async () => {
    let isBroken = true
    const server = await startServer({ wrapStorage: (storage) => failing(storage, error, () => isBroken) })
    const { body } = await server.refuses(request, status, error.type)
    expect(body.toString()).not.toContain(error.cause.message)
    await expectNothingShown(server)
    isBroken = false
    await server.accepts(request)
    await server.works()
  })
})

/** Reads 100 KB of every file and then fails with `error`. */
function failing(storage: FileStorage, error: PutError, isBroken: () => boolean): FileStorage {
  return {
    name: storage.name,
    put: (key, body, hints) =>
      isBroken()
        ? ResultAsync.fromSafePromise(readSome(body)).andThen(() => errAsync(error))
        : storage.put(key, body, hints),
    open: (key, range) => storage.open(key, range),
    delete: (key) => storage.delete(key),
    list: (after) => storage.list(after),
  }
}

async function readSome(body: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > 100_000) return
  }
}

describe('A port that throws', () => {
  const onRejection = vi.fn<() => void>()
  const isBroken = vi.fn<() => boolean>()
  const sniff = async () => {
    if (isBroken()) throw new Error('a bug of the port')
    return 'image/png'
  }
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    isBroken.mockReset().mockReturnValueOnce(true).mockReturnValue(false)
    process.on('unhandledRejection', onRejection)
  })
  afterEach(() => {
    process.off('unhandledRejection', onRejection)
    vi.useRealTimers()
  })

  it('fails the request with 500, and the server goes on', async () => {
    const server = await startServer({ ports: { sniff } })
    expectProblem(await server.exchange(request), 500, 'internal-error')
    await server.works()
  })

  it.each([
    ['disconnects', (wire: Wire) => wire.leave()],
    ['sends nothing more', () => vi.advanceTimersByTime(60_000)],
  ])('ends the upload of a client that then %s', async (_, act) => {
    const server = await startServer({ ports: { sniff } })
    const wire = await server.connect().send(request.subarray(0, 100_000))
    expectProblem(await wire.answer(), 500, 'internal-error')
    // The pace of the upload is not watched any more.
    expect(vi.getTimerCount()).toBe(0)
    act(wire)
    await server.works()
    expect(onRejection).not.toHaveBeenCalled()
  })
})
