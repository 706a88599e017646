import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { noise, pngOf } from '../../samples.ts'
import { expectProblem, MAX_FILE, startServer, type TestServer } from '../harness.ts'
import {
  type Bytes,
  begin,
  chunk,
  concat,
  END,
  field,
  file,
  form,
  LAST_CHUNK,
  part,
  post,
  postChunked,
} from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const MARGIN = 1024 * 1024
const refuses = (body: Bytes, status: number, code: string) => server.refuses(post(body), status, code)

const HALF_MB = 'Content-Length: 500000'
const FIVE_GB = 'Content-Length: 5000000000'
const endless = noise(65_536)

describe('the length of the body', () => {
  it('C1: too large, is refused before the body', async () => {
    for (const length of [MAX_FILE + MARGIN + 1, 5_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const before = (await server.rows()).length
      await server.refuses(post('', `Content-Length: ${length}`), 413, 'too-large')
      expect(await server.rows()).toHaveLength(before)
    }
  })

  it('C1: too large, is refused while the body comes', async () => {
    await server.refusesMeanwhile(post(begin(file(pngOf(5000))), FIVE_GB), endless, 413, 'too-large')
  })

  it('C2: unknown and endless, is refused at the limit', async () => {
    await server.refusesMeanwhile(
      concat(postChunked(), chunk(begin(file(pngOf(5000))))),
      chunk(endless),
      413,
      'too-large',
    )
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })

  it('C2: of a file that a storage refuses at its head, the rest is not read', async () => {
    const head = concat(postChunked(), chunk(begin(file('no picture'))))
    await server.refusesMeanwhile(head, chunk(endless), 415, 'unsupported-file-type')
  })

  it('C3: behind a wrong field is not read', async () => {
    const wrong = begin(file(pngOf(5000), 'a.png', 'image'))
    await server.refusesMeanwhile(post(wrong, FIVE_GB), endless, 413, 'too-large')
    await server.refusesMeanwhile(concat(postChunked(), chunk(wrong)), chunk(endless), 400, 'unexpected-file-field')
  })

  it.each([
    ['an endless field', begin(field('title', '')), 400, 'field-too-large'],
    ['an endless field with a name like a file', begin(field('x; filename=y', '')), 400, 'field-too-large'],
    [
      'an endless field of a type like a file',
      begin(part('Content-Disposition: form-data; name="title"\r\nContent-Type: application/octet-streams', '')),
      400,
      'field-too-large',
    ],
    ['an endless second file', concat(file(pngOf(5000)), begin(file(''))), 400, 'too-many-files'],
    [
      'an endless field of no name',
      begin(part('Content-Disposition: form-data; name="x"; filename=""', '')),
      413,
      'too-large',
    ],
    [
      'an endless field after a bad one',
      concat(field('a[b]', 'x'), begin(field('title', ''))),
      400,
      'invalid-field-name',
    ],
    [
      'an endless file after a bad title',
      concat(field('title', '\n\n'), begin(file(pngOf(5000)))),
      422,
      'invalid-title',
    ],
  ])('C3: with %s is not read', async (_, head, status, code) => {
    await server.refusesMeanwhile(concat(postChunked(), chunk(head)), chunk(endless), status, code)
  })

  it('C4: of a file that has just the limit is taken', async () => {
    const body = form(field('title', 'all of it'), file(pngOf(MAX_FILE)), field('tags', 'x'))
    expect(await server.accepts(post(body))).toMatchObject({ size_bytes: MAX_FILE })
    const request = concat(postChunked(), chunk(body), LAST_CHUNK)
    expect(await server.accepts(request)).toMatchObject({ size_bytes: MAX_FILE })
  })

  it('C5: of a file with one byte more is refused', async () => {
    const body = form(file(pngOf(MAX_FILE + 1)))
    await refuses(body, 413, 'too-large')
    await server.refuses(concat(postChunked(), chunk(body), LAST_CHUNK), 413, 'too-large')
  })
})

const fields = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => field(`f${index}`, 'x'))

describe('the form', () => {
  it('C6: may have 20 fields and no more', async () => {
    await server.accepts(post(form(...fields(20), file())))
    await refuses(form(...fields(21), file()), 400, 'too-many-parts')
    await refuses(form(file(pngOf(50_000)), ...fields(21)), 400, 'too-many-parts')
    await refuses(form(...fields(21)), 400, 'too-many-parts')
  })

  it('C6: with 20,000 parts is refused', async () => {
    await refuses(form(...fields(20_000), file()), 400, 'too-many-parts')
    await server.refusesMeanwhile(
      concat(postChunked(), chunk(file(pngOf(5000)))),
      chunk(field('f', 'x')),
      400,
      'too-many-parts',
    )
  })

  it('C7: may have values of 8 KiB and no larger', async () => {
    await server.accepts(post(form(field('x', 'x'.repeat(8192)), file())))
    await refuses(form(field('x', 'x'.repeat(8193)), file()), 400, 'field-too-large')
    await refuses(form(file(pngOf(50_000)), field('title', 'x'.repeat(8193))), 400, 'field-too-large')
    await refuses(form(file(), field('x', 'x'.repeat(900_000))), 400, 'field-too-large')
  })

  it('C7: may have names of 64 bytes and no longer', async () => {
    await server.accepts(post(form(field('x'.repeat(64), 'x'), file())))
    await refuses(form(field('x'.repeat(65), 'x'), file()), 400, 'field-too-large')
    await refuses(form(field('ä'.repeat(33), 'x'), file()), 400, 'field-too-large')
    await refuses(form(file(), field('x'.repeat(10_000), 'x')), 400, 'field-too-large')
  })

  it('C7: may not have more than 1 MiB that is not file', async () => {
    const headers = Array.from({ length: 14 }, (_, index) => `X-${index}: ${'x'.repeat(1100)}`)
    const large = (name: string) =>
      part([`Content-Disposition: form-data; name="${name}"`, ...headers].join('\r\n'), 'x'.repeat(8000))
    await server.accepts(post(form(...['a', 'b', 'c'].map(large), file())))
    await refuses(
      concat(noise(800_000), '\r\n', ...Array.from({ length: 20 }, (_, index) => large(`f${index}`)), file(), END),
      413,
      'too-large',
    )
  })
})

describe('a client that leaves', () => {
  it('C9: at any point leaves nothing behind', async () => {
    const body = form(field('title', 'left'), file(pngOf(300_000)), field('tags', 'x'))
    const whole = post(body)
    const leave = async (share: number) => {
      const wire = server.connect()
      await wire.send(whole.subarray(0, Math.floor(whole.length * share)))
      wire.leave()
    }
    for (let round = 0; round < 20; round++) await Promise.all([0, 0.001, 0.01, 0.5, 0.99].map(leave))
    await server.settled()
    expect((await server.stored()).map(({ title }) => title)).not.toContain('left')
  })

  it('C9: after the last byte has a whole media or none', async () => {
    const whole = post(form(field('title', 'all there'), file(pngOf(300_000))))
    const leave = async () => {
      const wire = server.connect()
      await wire.send(whole)
      wire.leave()
    }
    await Promise.all(Array.from({ length: 20 }, leave))
    await server.settled()
  })
})

describe('a client that is slow', () => {
  let slow: TestServer
  beforeAll(async () => {
    slow = await startServer({ pace: { idleSeconds: 0.5 }, headerTimeoutSeconds: 1 })
  })
  afterAll(() => slow.close())

  it('A17: with its headers is cut off', async () => {
    const trickle = async () => {
      const wire = slow.connect()
      await wire.send('POST /upload/ HTTP/1.1\r\nHost: localhost\r\n')
      const timer = setInterval(() => void wire.send('X'), 100)
      const last = await wire.closed()
      clearInterval(timer)
      return last.toString()
    }
    const answers = await Promise.all(Array.from({ length: 50 }, trickle))
    for (const answer of answers) expect(answer).toMatch(/^$|^HTTP\/1\.1 408 /)
    await slow.works()
  })

  it('A18: that stalls is refused, wherever it does', async () => {
    const places = [
      Buffer.alloc(0),
      begin(field('title', 'x')),
      begin(file()),
      begin(file(pngOf(100_000))),
      file(pngOf(100_000)),
    ]
    const stall = async (body: Buffer) => {
      const wire = slow.connect()
      await wire.send(post(body, `Content-Length: ${body.length + 1000}`))
      const answer = await wire.answer()
      await wire.closed()
      return answer
    }
    const many = places.flatMap((body) => Array.from({ length: 40 }, () => stall(body)))
    for (const answer of await Promise.all(many)) expectProblem(answer, 408, 'too-slow')
    await slow.works()
  })

  it('A18: that sends a byte now and then is refused', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const wire = server.connect()
      await server.sendApart(wire, [post(begin(file(pngOf(5000))), HALF_MB)])
      await server.hasBegun()
      const answered = { yet: false }
      const answer = wire.answer().finally(() => {
        answered.yet = true
      })
      for (let tick = 0; tick < 2 * 90 && !answered.yet; tick++) {
        await server.sendApart(wire, [Buffer.from('x')])
        vi.advanceTimersByTime(500)
      }
      expectProblem(await answer, 408, 'too-slow')
    } finally {
      vi.useRealTimers()
    }
  })
})
