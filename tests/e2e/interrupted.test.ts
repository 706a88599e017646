import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pngOf } from '../samples.ts'
import { expectProblem, MAX_FILE, startServer, type TestServer } from './harness.ts'
import { begin, chunk, concat, field, file, form, get, LAST_CHUNK, post, postChunked } from './multipart.ts'
import type { Answer } from './wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const json = ({ body }: Answer) => JSON.parse(body.toString())

describe('an upload that ends early leaves nothing', () => {
  const bytes = pngOf(1_000_000)
  const whole = form(file(bytes), field('title', 'never'))

  afterEach(async () => {
    await server.settled()
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
    expect((await server.exchange(get('/media/?limit=100'))).body.toString()).not.toContain('never')
  })

  it.each([1, 50, 99])('when the client leaves after %i percent', async (percent) => {
    const wire = server.connect()
    await wire.send(post(whole).subarray(0, Math.floor((whole.length * percent) / 100)))
    await server.hasBegun()
    const before = server.log.length
    wire.leave()
    await server.settled()
    await expect.poll(() => server.log.slice(before).map(({ level }) => level)).toEqual(['warn'])
  })

  it('when the client ends its side in the middle', async () => {
    const wire = server.connect()
    await wire.send(post(whole).subarray(0, 500_000))
    await server.hasBegun()
    wire.finish()
    expect((await wire.closed()).toString()).toMatch(/^$|^HTTP\/1\.1 400 /)
  })

  it('when the text that follows is not valid', async () => {
    const request = post(form(file(bytes), field('title', 'a\0b')))
    const wire = server.connect()
    await wire.send(request.subarray(0, 900_000))
    await server.hasBegun()
    const before = (await server.stored()).length
    await wire.send(request.subarray(900_000))
    expectProblem(await wire.answer(), 422, 'invalid-title')
    expect(await server.filesOnDisk()).toHaveLength(before)
  })

  it('when the part that follows is cut off', async () => {
    const wire = server.connect()
    await wire.send(concat(postChunked(), chunk(file(bytes))))
    await server.hasBegun()
    const before = (await server.stored()).length
    await wire.send(concat(chunk(begin(field('title', 'cut'))), LAST_CHUNK))
    expectProblem(await wire.answer(), 400, 'malformed-multipart')
    expect(await server.filesOnDisk()).toHaveLength(before)
  })
})

describe('a server that is told to stop', () => {
  it('says that it cut off what did not end in time, not that a client did', async () => {
    const stopping = await startServer({ policy: { maxFileSize: 32 * MAX_FILE } })
    const media = await stopping.accepts(post(form(file(pngOf(32 * MAX_FILE)))))
    const [sender, reader] = [stopping.connect(), stopping.connect()]
    await reader.send(get(`/media/${media.id}/content/`))
    expect(await reader.status()).toBe(200)
    await sender.send(post(form(file(pngOf(500_000)))).subarray(0, 300_000))
    await stopping.hasBegun()
    const before = stopping.log.length
    await stopping.stop(50)
    const cut = { level: 'error', code: 'shutting-down' }
    await expect.poll(() => stopping.log.slice(before)).toMatchObject([cut, cut])
    await stopping.settled()
    await stopping.close()
  })

  it('lets an upload under way end, and takes no other', async () => {
    const stopping = await startServer()
    const request = post(form(field('title', 'the last'), file(pngOf(500_000))))
    const [busy, idle] = [stopping.connect(), stopping.connect()]
    await idle.send(get('/ping/'))
    await idle.answer()
    await busy.send(request.subarray(0, 300_000))
    await stopping.hasBegun()
    const stopped = stopping.stop()
    await idle.closed()
    await expect(fetch(stopping.url)).rejects.toThrow('fetch failed')
    await busy.send(request.subarray(300_000))
    expect(json(await busy.answer())).toMatchObject({ title: 'the last' })
    await busy.closed()
    await stopped
    await stopping.settled()
    expect(await stopping.stored()).toHaveLength(1)
    await stopping.close()
  })

  it('turns away what still comes on connections that are open', async () => {
    const stopping = await startServer()
    const request = post(form(file(pngOf(500_000))))
    const wire = stopping.connect()
    await wire.send(request.subarray(0, 300_000))
    await stopping.hasBegun()
    stopping.drain()
    const late = await stopping.exchange(post(form(file())))
    expectProblem(late, 503, 'shutting-down')
    expect(late.headers).toMatchObject({ connection: 'close', 'retry-after': '5' })
    await wire.send(request.subarray(300_000))
    expect((await wire.answer()).status).toBe(201)
    await stopping.close()
  })

  it('gives up what does not end', async () => {
    const stopping = await startServer()
    const wire = stopping.connect()
    await wire.send(post(begin(file(pngOf(300_000))), 'Content-Length: 500000'))
    await stopping.hasBegun()
    await stopping.mediaport.close()
    expectProblem(await wire.answer(), 503, 'shutting-down')
    await stopping.settled()
    expect((await stopping.rows()).map(({ state }) => state)).toEqual(['abandoned'])
    await stopping.close()
  })
})
