import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errAsync } from 'neverthrow'
import { afterEach, describe, expect, it } from 'vitest'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { eventually, over } from '../unit/world.ts'
import { type Given, startServer, type TestServer } from './harness.ts'
import { file, form, post } from './multipart.ts'

let server: TestServer | undefined
afterEach(() => server?.close())

async function start(given: Given = {}) {
  const started = await startServer(given)
  server = started
  const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
  const { id } = await started.accepts(post(form(file(photo, 'photo.jpg'))))
  const get = async (what: string) => {
    const answer = await fetch(`${started.url}/media/${id}/${what}/`)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return { ...started, id, get }
}

describe('The metadata of a photograph', () => {
  it('is there soon after the upload, without where it was taken', async () => {
    const { get } = await start()
    await eventually(async () => (await get('metadata')).body['status']).toBe('ready')
    const { status, body } = await get('metadata')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      format: 'jpeg',
      width: 48,
      height: 32,
      orientation: 6,
      camera: { make: 'Canon', model: 'EOS R5', lens: 'RF 50mm' },
      exposure: { time: 0.008, f_number: 2.8, iso: 100, focal_length: 50 },
      taken_at: '2026-11-23T10:00:00+01:00',
      tags: { exif: { Make: 'Canon' } },
    })
    expect(body).not.toHaveProperty('location')
  })

  it('tells where it was taken when the server was told to', async () => {
    const { get } = await start({ showsLocation: true })
    await eventually(async () => (await get('metadata')).body['location']).toEqual({
      latitude: 48.8577,
      longitude: 2.295,
      altitude: 35,
    })
  })

  it('is pending while its store does not answer', async () => {
    const { metadata } = memoryPorts()
    const away = () => errAsync(unavailable('metadata')(new Error('away')))
    const { get } = await start({ ports: { metadata: over(metadata, { find: away, save: away }) } })
    expect(await get('metadata')).toEqual({ status: 200, body: { status: 'pending' } })
  })
})

describe('The title', () => {
  it('is that of the media, at once after a change', async () => {
    const { url, id, get } = await start()
    expect(await get('title')).toEqual({ status: 200, body: { id, title: 'photo', tags: [] } })
    const headers = { 'Content-Type': 'application/json' }
    await fetch(`${url}/media/${id}/`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify({ title: 'Tower', tags: ['b'] }),
    })
    expect(await get('title')).toEqual({ status: 200, body: { id, title: 'Tower', tags: ['b'] } })
  })
})

it.each(['title', 'metadata'])('The %s of a deleted media does not exist', async (what) => {
  const { url, id, get } = await start()
  await fetch(`${url}/media/${id}/`, { method: 'DELETE' })
  expect(await get(what)).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
})

it.each([
  [true, 'ok', 'up'],
  [false, 'degraded', 'down'],
])('With stores that answer: %s, the server is %s', async (isUp, status, check) => {
  const { metadata, titles } = memoryPorts()
  const answers = { isUp: async () => isUp }
  server = await startServer({ ports: { metadata: over(metadata, answers), titles: over(titles, answers) } })
  const answer = await fetch(`${server.url}/healthcheck/`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    status,
    checks: { database: 'up', storage: 'up', metadata: check, titles: check },
  })
})
