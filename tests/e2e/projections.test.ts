import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { override } from '../unit/world.ts'
import { type ServerOptions, startServer } from './harness.ts'
import { file, form, post } from './multipart.ts'

/** Starts a server and uploads a photograph with EXIF tags. */
async function start(options?: ServerOptions) {
  const server = await startServer(options)
  const { url } = server
  const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
  const { id } = await server.accepts(post(form(file(photo, 'photo.jpg'))))
  const get = async (resource: 'metadata' | 'title') => {
    const answer = await fetch(`${url}/media/${id}/${resource}/`)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return { url, id, get }
}

describe('The metadata of a photograph', () => {
  it('is ready soon after the upload and has no location by default', async () => {
    const { get } = await start()
    await expect.poll(async () => (await get('metadata')).body['status']).toBe('ready')
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

  it('has the location if the server is configured to show it', async () => {
    const { get } = await start({ showsLocation: true })
    await expect
      .poll(async () => (await get('metadata')).body['location'])
      .toEqual({
        latitude: 48.8577,
        longitude: 2.295,
        altitude: 35,
      })
  })

  it('is pending while its store does not answer', async () => {
    const { metadata } = memoryPorts()
    const fail = () => errAsync(unavailable('metadata')(new Error('down')))
    const { get } = await start({ ports: { metadata: override(metadata, { find: fail, save: fail }) } })
    expect(await get('metadata')).toEqual({ status: 200, body: { status: 'pending' } })
  })
})

describe('The title of a media item', () => {
  it('is current immediately after a change', async () => {
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

it.each(['title', 'metadata'] as const)('The %s of a deleted media item does not exist', async (resource) => {
  const { url, id, get } = await start()
  await fetch(`${url}/media/${id}/`, { method: 'DELETE' })
  expect(await get(resource)).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
})

it.each([
  [true, 'ok', 'up'],
  [false, 'degraded', 'down'],
])('If the projection stores answer (%s), the health check is %s', async (isUp, status, check) => {
  const { metadata, titles } = memoryPorts()
  const answers = { isUp: async () => isUp }
  const server = await startServer({
    ports: { metadata: override(metadata, answers), titles: override(titles, answers) },
  })
  const answer = await fetch(`${server.url}/healthcheck/`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    status,
    checks: { database: 'up', storage: 'up', metadata: check, titles: check },
  })
})
