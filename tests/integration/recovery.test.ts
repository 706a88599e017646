import { randomUUID } from 'node:crypto'
import { basename, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { pngOf } from '../samples.ts'
import { withServices } from '../services.ts'
import { filesIn } from '../support/files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { uploadForm } from '../support/upload-form.ts'
import { ServerProcess } from './mediaport-process.ts'
import { newDatabase, type TestDatabase } from './postgres.ts'

const WAIT = { timeout: 30_000, interval: 50 }
const FAST = { UPLOAD_LEASE_SECONDS: '2', REAP_EVERY_SECONDS: '1', FORGET_AFTER_SECONDS: '3' }

const fileNames = (folder: string): string[] => filesIn(join(folder, 'files')).map((path) => basename(path))

/** Sends the first half of an upload. Resolves when the storage writes its bytes. Returns the whole request. */
async function sendHalf({ url }: ServerProcess, folder: string): Promise<Buffer> {
  const request = post(form(file(pngOf(2_000_000))), `Idempotency-Key: ${randomUUID()}`)
  const wire = new Wire(Number(new URL(url).port))
  await wire.send(request.subarray(0, 1_000_000))
  await vi.waitFor(() => expect(fileNames(folder)).toContainEqual(expect.stringMatching(/\.part$/)), WAIT)
  return request
}

async function upload({ url }: ServerProcess, key: string) {
  const answer = await fetch(`${url}/upload/`, {
    method: 'POST',
    body: uploadForm(),
    headers: { 'Idempotency-Key': key },
  })
  return { status: answer.status, media: (await answer.json()) as { id: string; file_id: string } }
}

/** Uploads and deletes a media item. Waits until its file is deleted and its row is forgotten, so that its key is free. */
async function deleteAndForget(server: ServerProcess, folder: string): Promise<string> {
  const key = randomUUID()
  const { status, media } = await upload(server, key)
  expect(status).toBe(201)
  expect((await fetch(`${server.url}/media/${media.id}/`, { method: 'DELETE' })).status).toBe(204)
  expect((await upload(server, key)).status).toBe(410)
  await vi.waitFor(() => expect(fileNames(folder)).not.toContain(media.file_id), WAIT)
  await vi.waitFor(async () => expect((await upload(server, key)).status).toBe(201), WAIT)
  return media.id
}

describe('With the embedded database,', () => {
  const folder = temporaryFolder(afterAll)
  const variables = { DATA_DIR: folder, ...FAST }
  let server: ServerProcess
  beforeAll(async () => {
    server = await ServerProcess.start(variables)
  })
  afterAll(async () => void (await server.kill('SIGKILL')))

  it('no file is left of an upload that kill -9 interrupts, or of a deleted media item', {
    timeout: 90_000,
  }, async () => {
    await sendHalf(server, folder)
    await server.kill('SIGKILL')
    expect(fileNames(folder)).toHaveLength(1)
    server = await ServerProcess.start(variables)
    await vi.waitFor(() => expect(fileNames(folder)).toEqual([]), WAIT)
    const id = await deleteAndForget(server, folder)
    await server.kill('SIGTERM')

    // The abandoned upload was discarded first, so its row was forgotten first.
    const database = await PGlite.create(join(folder, 'db'))
    const { rows } = await database.query('select id, state from media_job')
    const { rows: jobs } = await database.query(
      `select name from pgboss.job where state in ('active', 'retry', 'failed')`,
    )
    await database.close()
    expect(rows).toEqual([{ id, state: 'stored' }])
    expect(jobs).toEqual([])
    expect(fileNames(folder)).toHaveLength(1)
  })

  it('an upload that kill -9 interrupts can be repeated with its key after its lease expires', {
    timeout: 90_000,
  }, async () => {
    server = await ServerProcess.start(variables)
    const request = await sendHalf(server, folder)
    await server.kill('SIGKILL')
    server = await ServerProcess.start(variables)
    await vi.waitFor(async () => {
      const wire = new Wire(Number(new URL(server.url).port))
      await wire.send(request)
      const { status } = await wire.answer()
      wire.leave()
      expect(status).toBe(201)
    }, WAIT)
    await vi.waitFor(() => expect(fileNames(folder)).toHaveLength(2), WAIT)
  })
})

withServices(['POSTGRES_URL'], 'With PostgreSQL and a separate worker,', () => {
  const folder = temporaryFolder(afterAll)
  let database: TestDatabase
  let variables: Record<string, string>
  let server: ServerProcess
  let worker: ServerProcess
  const states = async () => (await database.query('select id, state from media_job')).rows

  beforeAll(async () => {
    database = await newDatabase()
    variables = { DATA_DIR: folder, DATABASE_URL: database.url, WORKER: 'off', ...FAST }
    server = await ServerProcess.start(variables)
  })
  afterAll(async () => {
    await Promise.all([server.kill('SIGKILL'), worker?.kill('SIGKILL')])
    await database.drop()
  })

  it('no file is left of an upload that kill -9 interrupts, or of a deleted media item', {
    timeout: 90_000,
  }, async () => {
    await sendHalf(server, folder)
    await server.kill('SIGKILL')
    server = await ServerProcess.start(variables)
    expect(await states()).toMatchObject([{ state: 'receiving' }])
    worker = await ServerProcess.start(variables, 'worker')
    await vi.waitFor(async () => {
      expect(fileNames(folder)).toEqual([])
      expect(await states()).toEqual([])
    }, WAIT)
    const id = await deleteAndForget(server, folder)
    expect(await states()).toEqual([{ id, state: 'stored' }])
  })

  it('the next worker discards a media item that is deleted while no worker runs', {
    timeout: 90_000,
  }, async () => {
    await worker.kill('SIGKILL')
    const { media } = await upload(server, randomUUID())
    expect((await fetch(`${server.url}/media/${media.id}/`, { method: 'DELETE' })).status).toBe(204)
    const { rows } = await database.query(
      `select name, state from pgboss.job where data->>'id' = '${media.id}' and name = 'discard-media'`,
    )
    expect(rows).toEqual([{ name: 'discard-media', state: 'created' }])
    expect(fileNames(folder)).toContain(media.file_id)
    worker = await ServerProcess.start(variables, 'worker')
    await vi.waitFor(async () => {
      expect(fileNames(folder)).not.toContain(media.file_id)
      expect(await states()).not.toContainEqual(expect.objectContaining({ id: media.id }))
    }, WAIT)
  })

  it('a worker exits with status 0 on SIGTERM', async () => {
    expect((await worker.kill('SIGTERM')).status).toBe(0)
  })
})
