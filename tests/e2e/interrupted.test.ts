import { afterEach, describe, expect, it } from 'vitest'
import { pngOf } from '../samples.ts'
import { expectProblem, MAX_FILE_BYTES, serverForFile, startServer } from './harness.ts'
import { begin, chunk, concat, field, file, form, get, LAST_CHUNK, post, postChunked } from './multipart.ts'
import { json } from './wire.ts'

const server = await serverForFile()

describe('An upload that fails leaves nothing behind', () => {
  const bytes = pngOf(1_000_000)
  const whole = form(file(bytes), field('title', 'incomplete'))

  afterEach(async () => {
    await server.untilSettled()
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
    expect((await server.exchange(get('/media/?limit=100'))).body.toString()).not.toContain('incomplete')
  })

  it.each([1, 50, 99])('when the client disconnects after %i percent', async (percent) => {
    const wire = await server.connect().send(post(whole).subarray(0, Math.floor((whole.length * percent) / 100)))
    await server.untilReceiving()
    const before = server.log.length
    wire.leave()
    await server.untilSettled()
    await expect.poll(() => server.log.slice(before).map(({ level }) => level)).toEqual(['warn'])
  })

  it('when the client ends its side of the connection in the middle', async () => {
    const wire = await server.connect().send(post(whole).subarray(0, 500_000))
    await server.untilReceiving()
    wire.finish()
    expect((await wire.closed()).toString()).toMatch(/^$|^HTTP\/1\.1 400 /)
  })

  it('when the text field after the file is invalid', async () => {
    const request = post(form(file(bytes), field('title', 'a\0b')))
    const wire = await server.connect().send(request.subarray(0, 900_000))
    await server.untilReceiving()
    const before = (await server.stored()).length
    await wire.send(request.subarray(900_000))
    expectProblem(await wire.answer(), 422, 'invalid-title')
    expect(await server.filesOnDisk()).toHaveLength(before)
  })

  it('when the part after the file is cut off', async () => {
    const wire = await server.connect().send(concat(postChunked(), chunk(file(bytes))))
    await server.untilReceiving()
    const before = (await server.stored()).length
    await wire.send(concat(chunk(begin(field('title', 'cut'))), LAST_CHUNK))
    expectProblem(await wire.answer(), 400, 'malformed-multipart')
    expect(await server.filesOnDisk()).toHaveLength(before)
  })
})

describe('A server that stops', () => {
  it('logs the requests that it cuts off as errors of its own', async () => {
    const stopping = await startServer({ policy: { maxFileSize: 32 * MAX_FILE_BYTES } })
    const media = await stopping.accepts(post(form(file(pngOf(32 * MAX_FILE_BYTES)))))
    const [sender, reader] = [stopping.connect(), stopping.connect()]
    await reader.send(get(`/media/${media.id}/content/`))
    expect(await reader.status()).toBe(200)
    await sender.send(post(form(file(pngOf(500_000)))).subarray(0, 300_000))
    await stopping.untilReceiving()
    const before = stopping.log.length
    await stopping.stop(50)
    const cut = { level: 'error', code: 'shutting-down' }
    await expect.poll(() => stopping.log.slice(before)).toMatchObject([cut, cut])
    await stopping.untilSettled()
  })

  it('completes an upload in progress and accepts no new connection', async () => {
    const stopping = await startServer()
    const request = post(form(field('title', 'last'), file(pngOf(500_000))))
    const [busy, idle] = [stopping.connect(), stopping.connect()]
    await idle.send(get('/ping/'))
    await idle.answer()
    await busy.send(request.subarray(0, 300_000))
    await stopping.untilReceiving()
    const stopped = stopping.stop()
    await idle.closed()
    await expect(fetch(stopping.url)).rejects.toThrow('fetch failed')
    await busy.send(request.subarray(300_000))
    expect(json(await busy.answer())).toMatchObject({ title: 'last' })
    await busy.closed()
    await stopped
    await stopping.untilSettled()
    expect(await stopping.stored()).toHaveLength(1)
  })

  it('refuses new requests on open connections while it drains', async () => {
    const stopping = await startServer()
    const request = post(form(file(pngOf(500_000))))
    const wire = await stopping.connect().send(request.subarray(0, 300_000))
    await stopping.untilReceiving()
    stopping.drain()
    const late = await stopping.exchange(post(form(file())))
    expectProblem(late, 503, 'shutting-down')
    expect(late.headers).toMatchObject({ connection: 'close', 'retry-after': '5' })
    await wire.send(request.subarray(300_000))
    expect((await wire.answer()).status).toBe(201)
  })

  it('abandons the uploads that have not ended when it closes', async () => {
    const stopping = await startServer()
    const wire = await stopping.connect().send(post(begin(file(pngOf(300_000))), 'Content-Length: 500000'))
    await stopping.untilReceiving()
    await stopping.mediaport.close()
    expectProblem(await wire.answer(), 503, 'shutting-down')
    await stopping.untilSettled()
    expect((await stopping.rows()).map(({ state }) => state)).toEqual(['abandoned'])
  })
})
