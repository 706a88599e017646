import { afterAll, describe, expect, it, vi } from 'vitest'
import { noise, pngOf } from '../../samples.ts'
import { expectProblem, MAX_FILE_BYTES, serverForFile, startServer } from '../harness.ts'
import { begin, chunk, concat, END, field, file, form, part, post, postChunked, postInOneChunk } from '../multipart.ts'

const server = await serverForFile()

const MAX_OVERHEAD_BYTES = 1024 * 1024
const TOO_LONG = 'Content-Length: 5000000000'
const endless = noise(65_536)

/** Sends the start of a form, and then bytes that belong to its last part. */
const refusesEndless = (start: Buffer) => server.refusesEndless(concat(postChunked(), chunk(start)), chunk(endless))

describe('Size of the body', () => {
  it('a Content-Length over the limit is refused with 413 too-large', async () => {
    for (const length of [MAX_FILE_BYTES + MAX_OVERHEAD_BYTES + 1, 5_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const before = (await server.rows()).length
      await server.refuses(post('', `Content-Length: ${length}`))
      expect(await server.rows()).toHaveLength(before)
    }
  })

  it('a body that is sent despite its Content-Length over the limit is refused with 413 too-large', () =>
    server.refusesEndless(post(begin(file(pngOf(5000))), TOO_LONG), endless))

  it('an endless file is refused with 413 too-large', async () => {
    await refusesEndless(begin(file(pngOf(5000))))
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })

  it('an endless file of an unsupported type is refused with 415 unsupported-file-type', () =>
    refusesEndless(begin(file('no picture'))))

  it('a file in the wrong field with a Content-Length over the limit is refused with 413 too-large', () =>
    server.refusesEndless(post(begin(file(pngOf(5000), 'a.png', 'image')), TOO_LONG), endless))

  it('an endless file in the wrong field is refused with 400 unexpected-file-field', () =>
    refusesEndless(begin(file(pngOf(5000), 'a.png', 'image'))))

  it.each([
    ['an ordinary field', begin(field('title', ''))],
    ['a name that looks like a parameter', begin(field('x; filename=y', ''))],
    [
      'the type of a file',
      begin(part('Content-Disposition: form-data; name="title"\r\nContent-Type: application/octet-streams', '')),
    ],
  ])('an endless field is refused with 400 field-too-large: %s', (_, start) => refusesEndless(start))

  it('an endless second file is refused with 400 too-many-files', () =>
    refusesEndless(concat(file(pngOf(5000)), begin(file('')))))

  it('an endless part with an empty file name is refused with 413 too-large', () =>
    refusesEndless(begin(part('Content-Disposition: form-data; name="x"; filename=""', ''))))

  it('an endless field after an invalid field name is refused with 400 invalid-field-name', () =>
    refusesEndless(concat(field('a[b]', 'x'), begin(field('title', '')))))

  it('an endless file after an invalid title is refused with 422 invalid-title', () =>
    refusesEndless(concat(field('title', '\n\n'), begin(file(pngOf(5000))))))

  it('a file of exactly the limit is accepted', async () => {
    const body = form(field('title', 'all of it'), file(pngOf(MAX_FILE_BYTES)), field('tags', 'x'))
    for (const request of [post(body), postInOneChunk(body)])
      expect(await server.accepts(request)).toMatchObject({ size_bytes: MAX_FILE_BYTES })
  })

  it('a file of one byte more than the limit is refused with 413 too-large', async () => {
    const body = form(file(pngOf(MAX_FILE_BYTES + 1)))
    await server.refuses(post(body))
    await server.refuses(postInOneChunk(body))
  })
})

describe('Number and size of the fields', () => {
  const fields = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => field(`f${index}`, 'x'))
  const refuses = (...parts: Buffer[]) => server.refuses(post(form(...parts)))

  it('a form with more than 20 fields is refused with 400 too-many-parts', async () => {
    await server.accepts(post(form(...fields(20), file())))
    await refuses(...fields(21), file())
    await refuses(file(pngOf(50_000)), ...fields(21))
    await refuses(...fields(21))
    await refuses(...fields(20_000), file())
  })

  it('a form with an endless number of fields is refused with 400 too-many-parts', () =>
    server.refusesEndless(concat(postChunked(), chunk(file(pngOf(5000)))), chunk(field('f', 'x'))))

  it('a field with more than 8 KiB is refused with 400 field-too-large', async () => {
    await server.accepts(post(form(field('x', 'x'.repeat(8192)), file())))
    await refuses(field('x', 'x'.repeat(8193)), file())
    await refuses(file(pngOf(50_000)), field('title', 'x'.repeat(8193)))
    await refuses(file(), field('x', 'x'.repeat(900_000)))
  })

  it('a field with more than 64 bytes in its name is refused with 400 field-too-large', async () => {
    await server.accepts(post(form(field('x'.repeat(64), 'x'), file())))
    await refuses(field('x'.repeat(65), 'x'), file())
    await refuses(field('ä'.repeat(33), 'x'), file())
    await refuses(file(), field('x'.repeat(10_000), 'x'))
  })

  it('a form with more than 1 MiB besides its file is refused with 413 too-large', async () => {
    const headers = Array.from({ length: 14 }, (_, index) => `X-${index}: ${'x'.repeat(1100)}`)
    const large = (name: string) =>
      part([`Content-Disposition: form-data; name="${name}"`, ...headers].join('\r\n'), 'x'.repeat(8000))
    await server.accepts(post(form(...['a', 'b', 'c'].map(large), file())))
    const parts = Array.from({ length: 20 }, (_, index) => large(`f${index}`))
    await server.refuses(post(concat(noise(800_000), '\r\n', ...parts, file(), END)))
  })
})

describe('Clients that disconnect', () => {
  const sendAndLeave = async (bytes: Buffer) => {
    const wire = await server.connect().send(bytes)
    wire.leave()
  }

  it('a client that disconnects at any point of an upload leaves nothing behind', async () => {
    const whole = post(form(field('title', 'incomplete'), file(pngOf(300_000)), field('tags', 'x')))
    const starts = [0, 0.001, 0.01, 0.5, 0.99].map((share) => whole.subarray(0, Math.floor(whole.length * share)))
    for (let round = 0; round < 20; round++) await Promise.all(starts.map(sendAndLeave))
    await server.untilSettled()
    expect((await server.stored()).map(({ title }) => title)).not.toContain('incomplete')
  })

  it('a client that disconnects after the last byte leaves a complete media item or none', async () => {
    const whole = post(form(field('title', 'complete'), file(pngOf(300_000))))
    await Promise.all(Array.from({ length: 20 }, () => sendAndLeave(whole)))
    await server.untilSettled()
  })
})

describe('Slow clients', async () => {
  const slow = await startServer({ pace: { idleSeconds: 0.5 }, headerTimeoutSeconds: 1 }, afterAll)

  it('a client that sends its headers too slowly is disconnected, possibly after a 408', async () => {
    const trickle = async () => {
      const wire = await slow.connect().send('POST /upload/ HTTP/1.1\r\nHost: localhost\r\n')
      const timer = setInterval(() => void wire.send('X'), 100)
      const last = await wire.closed()
      clearInterval(timer)
      return last.toString()
    }
    const answers = await Promise.all(Array.from({ length: 50 }, trickle))
    for (const answer of answers) expect(answer).toMatch(/^$|^HTTP\/1\.1 408 /)
    await slow.works()
  })

  it('a client that stops sending at any point of the body is refused with 408 too-slow', async () => {
    const starts = [
      Buffer.alloc(0),
      begin(field('title', 'x')),
      begin(file()),
      begin(file(pngOf(100_000))),
      file(pngOf(100_000)),
    ]
    const stall = async (start: Buffer) => {
      const wire = await slow.connect().send(post(start, `Content-Length: ${start.length + 1000}`))
      const answer = await wire.answer()
      await wire.closed()
      return answer
    }
    const answers = starts.flatMap((start) => Array.from({ length: 40 }, () => stall(start)))
    for (const answer of await Promise.all(answers)) expectProblem(answer)
    await slow.works()
  })

  it('a client that sends 2 bytes a second is refused with 408 too-slow', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const wire = server.connect()
      await server.sendSeparately(wire, [post(begin(file(pngOf(5000))), 'Content-Length: 500000')])
      await server.untilReceiving()
      const state = { isAnswered: false }
      const answer = wire.answer().finally(() => {
        state.isAnswered = true
      })
      for (let tick = 0; tick < 2 * 90 && !state.isAnswered; tick++) {
        await server.sendSeparately(wire, [Buffer.from('x')])
        vi.advanceTimersByTime(500)
      }
      expectProblem(await answer)
    } finally {
      vi.useRealTimers()
    }
  })
})
