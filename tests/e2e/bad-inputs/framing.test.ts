import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { noise, pngOf } from '../../samples.ts'
import { expectProblem, refusalInTitle, serverForFile } from '../harness.ts'
import {
  begin,
  chunk,
  concat,
  field,
  file,
  form,
  get,
  LAST_CHUNK,
  post,
  postChunked,
  postInOneChunk,
  request,
} from '../multipart.ts'

const server = await serverForFile({ headerTimeoutSeconds: 1 })
const good = form(file())

/** Sends what the parser of node:http must refuse before there is a request. It answers by itself and then closes. */
async function parserRefuses(
  bytes: Uint8Array,
  { statuses }: { statuses: number[] } = refusalInTitle(),
): Promise<void> {
  const rest = await server.keepsNothing(async () => {
    const wire = await server.connect().send(bytes)
    expect(statuses).toContain((await wire.answer()).status)
    return wire.closed()
  })
  expect(rest.toString()).toBe('')
}

describe('Message framing', () => {
  it('a request with Content-Length and Transfer-Encoding is refused with 400', () =>
    parserRefuses(concat(post(good, 'Transfer-Encoding: chunked'), chunk(good), LAST_CHUNK)))

  it('a request with two Content-Length headers is refused with 400', () =>
    parserRefuses(post(good, `Content-Length: ${good.length}`, 'Content-Length: 5')))

  it.each(['gzip, chunked', 'chunked, gzip', 'identity', 'xchunked'])(
    'a request with a transfer coding other than chunked is refused with 400, 415 or 501: %s',
    async (encoding) => {
      const { status } = await server.exchange(postInOneChunk(good, `Transfer-Encoding: ${encoding}`))
      expect(refusalInTitle().statuses).toContain(status)
    },
  )

  it.each([
    ['size', 'xyz\r\n'],
    ['end', '3\r\nabcd\r\n'],
    ['length', 'FFFFFFFFFFFFFFFFF\r\n'],
    ['sign', '-1\r\n'],
  ])('an upload with a malformed chunk is refused with 400: %s', async (_, malformed) => {
    await server.keepsNothing(async () => {
      const wire = await server.connect().send(concat(postChunked(), chunk(begin(file(pngOf(50_000))))))
      await server.untilReceiving()
      await wire.send(malformed)
      expect(refusalInTitle().statuses).toContain((await wire.answer()).status)
      await wire.closed()
    })
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })

  it('a chunk extension of 64 KiB is refused with 413', () =>
    parserRefuses(concat(postChunked(), `5;${'x'.repeat(65_536)}\r\n`)))
})

describe('Request headers', () => {
  it('a request without a Host header is refused with 400', () =>
    parserRefuses(Buffer.from('GET /media/ HTTP/1.1\r\n\r\n')))

  it.each([
    ['20 headers of 1 KiB', Array.from({ length: 20 }, (_, index) => `X-${index}: ${'x'.repeat(1024)}`)],
    ['3,000 short headers', Array.from({ length: 3000 }, (_, index) => `X-${index}: y`)],
    ['one header of 17 KiB', [`X: ${'x'.repeat(17 * 1024)}`]],
  ])('a request with more than 16 KiB of headers is refused with 431: %s', (_, headers) =>
    parserRefuses(get('/media/', ...headers)),
  )

  it.each([
    ['NUL', 'X: a\0b'],
    ['a bare LF', 'X: a\nY: b'],
    ['a bare CR', 'X: a\rY: b'],
    ['a folded line', 'X: a\r\n b'],
    ['a space before the colon', 'X : a'],
  ])('a request with a malformed header is refused with 400: %s', (_, header) => parserRefuses(get('/media/', header)))

  it.each(['200-ok', '100-continue, x'])(
    'an Expect header other than 100-continue is refused with 417 expectation-failed: %s',
    async (expectation) => {
      await server.refuses(post(good, `Expect: ${expectation}`))
      await server.refuses(get('/media/', `Expect: ${expectation}`))
    },
  )

  it('the X-Request-Id of a client is replaced by one of the server', async () => {
    const theirs = randomUUID()
    const { headers } = await server.refuses(get('/nothing/', `X-Request-Id: ${theirs}`), 404, 'not-found')
    expect(headers['x-request-id']).not.toBe(theirs)
    await parserRefuses(get('/media/', `X-Request-Id: ${'x'.repeat(1024 * 1024)}`), { statuses: [431] })
    await parserRefuses(get('/media/', 'X-Request-Id: a\r\n\r\nGET / HTTP/1.1', 'X: \0'), { statuses: [404, 400] })
  })
})

describe('Bytes that are not HTTP/1.1', () => {
  it('an unknown method is refused with 400', () => parserRefuses(request('BREW /media/')))

  it.each([
    ['HTTP/0.9', Buffer.from('GET /media/\r\n')],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['TLS', Buffer.from(`160301020001${'00'.repeat(2)}01fc0303${'ab'.repeat(508)}`, 'hex')],
    ['noise', noise(4096)],
  ])('bytes of another protocol get the status 400 or 408, or the connection is closed: %s', async (_, bytes) => {
    const wire = await server.connect().send(bytes)
    expect((await wire.closed()).toString()).toMatch(/^$|^HTTP\/1\.1 40[08] /)
  })
})

describe('Connections after a refused upload', () => {
  const large = file(pngOf(900_000))

  it.each([
    ['wrong type', post(form(large), 'Content-Type: text/plain'), 415, 'unsupported-media-type'],
    ['compressed', post(form(large), 'Content-Encoding: gzip'), 415, 'unsupported-content-encoding'],
    ['through a proxy', post(form(large), 'Via: 1.1 x'), 403, 'forbidden'],
    ['two files', post(form(file(pngOf(500)), large)), 400, 'too-many-files'],
  ] as const)(
    'a request after a refused upload on the same connection is not run: %s',
    async (_, first, status, code) => {
      const second = post(form(field('title', 'the second'), file()))
      const wire = await server.connect().send(concat(first, second))
      const answer = await wire.answer()
      expectProblem(answer, status, code)
      expect(answer.headers).toMatchObject({ connection: 'close' })
      expect((await wire.closed()).toString()).toBe('')
      await server.untilSettled()
      expect((await server.stored()).map(({ title }) => title)).not.toContain('the second')
    },
  )
})
