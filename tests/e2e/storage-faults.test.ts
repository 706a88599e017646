import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errAsync, ResultAsync } from 'neverthrow'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import type { FileStorage, PutError } from '../../src/application/ports/file-storage.ts'
import { pngOf } from '../samples.ts'
import { startServer, type TestServer } from './harness.ts'
import { field, file, form, get, post } from './multipart.ts'

const request = post(form(field('title', 'kept?'), file(pngOf(500_000))))

/** Nothing of a refused upload can be seen, now or after the storage has recovered. */
async function showsNothing(server: TestServer): Promise<void> {
  const { body } = await server.exchange(get('/media/'))
  expect(JSON.parse(body.toString())).toEqual({ items: [], next: null })
  expect(await server.filesOnDisk()).toEqual([])
  expect((await server.rows()).map(({ state }) => state)).toEqual(['abandoned'])
}

describe('a storage whose folder can not be written', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({
      wrapStorage: (_, folder) => {
        const path = join(folder, 'in-the-way')
        writeFileSync(path, '')
        return new FilesystemFileStorage(path)
      },
    })
  })
  afterAll(() => server.close())

  it('is unavailable, and nothing is kept', async () => {
    const { headers, body } = await server.refuses(request, 503, 'unavailable')
    expect(headers).toMatchObject({ 'retry-after': '2' })
    expect(JSON.parse(body.toString())).toMatchObject({ dependency: 'storage' })
    expect(body.toString()).not.toContain('in-the-way')
    await showsNothing(server)
    const health = await server.exchange(get('/healthcheck/'))
    expect([health.status, JSON.parse(health.body.toString())]).toEqual([
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
] as const)('a storage that %s', (_, status, error) => {
  let server: TestServer
  let broken = true
  beforeAll(async () => {
    server = await startServer({ wrapStorage: (storage) => failing(storage, error, () => broken) })
  })
  afterEach(() => {
    broken = true
  })
  afterAll(() => server.close())

  it(`in the middle of a file is a ${status}, nothing is kept, and later all is well`, async () => {
    const { body } = await server.refuses(request, status, error.type)
    expect(body.toString()).not.toContain(error.cause.message)
    await showsNothing(server)
    broken = false
    await server.accepts(request)
    await server.works()
  })
})

/** Takes 100 KB of every file and then says no. */
function failing(storage: FileStorage, error: PutError, isBroken: () => boolean): FileStorage {
  return {
    name: storage.name,
    put: (key, body, hints) =>
      isBroken()
        ? ResultAsync.fromSafePromise(takeSome(body)).andThen(() => errAsync(error))
        : storage.put(key, body, hints),
    open: (key, range) => storage.open(key, range),
    delete: (key) => storage.delete(key),
    list: (after) => storage.list(after),
  }
}

async function takeSome(body: AsyncIterable<Uint8Array>): Promise<void> {
  let taken = 0
  for await (const chunk of body) {
    taken += chunk.length
    if (taken > 100_000) return
  }
}
