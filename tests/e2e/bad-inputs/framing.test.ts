import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { noise, pngOf } from '../../samples.ts'
import { expectProblem, startServer, type TestServer } from '../harness.ts'
import {
  begin,
  chunk,
  concat,
  END,
  field,
  file,
  form,
  get,
  LAST_CHUNK,
  post,
  postChunked,
  request,
} from '../multipart.ts'
import type { Answer } from '../wire.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ headerTimeoutSeconds: 1 })
})
afterEach(() => server.works())
afterAll(() => server.close())

const good = form(file())

/** The parser of node:http answers by itself, before there is a request; then it closes. */
async function parserRefuses(bytes: Uint8Array, ...statuses: number[]): Promise<Answer> {
  const before = await server.stored()
  const wire = server.connect()
  await wire.send(bytes)
  const answer = await wire.answer()
  expect(statuses).toContain(answer.status)
  expect((await wire.closed()).toString()).toBe('')
  await server.settled()
  expect(await server.stored()).toEqual(before)
  return answer
}

describe('a message that can be read in two ways', () => {
  it('A1: with Content-Length and Transfer-Encoding is refused, and the connection closed', async () => {
    await parserRefuses(concat(post(good, 'Transfer-Encoding: chunked'), chunk(good), LAST_CHUNK), 400)
  })

  it('A2: with two lengths is refused, and the connection closed', async () => {
    await parserRefuses(post(good, `Content-Length: ${good.length}`, 'Content-Length: 5'), 400)
  })

  it.each(['gzip, chunked', 'chunked, gzip', 'identity', 'xchunked'])(
    'A3: with the encoding %s is refused',
    async (encoding) => {
      const wire = server.connect()
      await wire.send(concat(postChunked(`Transfer-Encoding: ${encoding}`), chunk(good), LAST_CHUNK))
      const { status } = await wire.answer()
      expect([400, 415, 501]).toContain(status)
    },
  )

  it.each([
    ['size', 'xyz\r\n'],
    ['end', '3\r\nabcd\r\n'],
    ['length', 'FFFFFFFFFFFFFFFFF\r\n'],
    ['sign', '-1\r\n'],
  ])('A4: with a chunk of bad %s is refused, and nothing of the file that had begun is kept', async (_, bad) => {
    const wire = server.connect()
    await wire.send(concat(postChunked(), chunk(begin(file(pngOf(50_000))))))
    await server.hasBegun()
    await wire.send(bad)
    expect((await wire.answer()).status).toBe(400)
    await wire.closed()
    await server.settled()
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })

  it('A5: with a chunk extension of 64 KiB is refused', async () => {
    await parserRefuses(concat(postChunked(), `5;${'x'.repeat(65_536)}\r\n`), 413)
  })
})

describe('headers', () => {
  it('A6: must be there', async () => {
    await parserRefuses(Buffer.from('GET /media/ HTTP/1.1\r\n\r\n'), 400)
  })

  it.each([
    ['20 KiB together', Array.from({ length: 20 }, (_, index) => `X-${index}: ${'x'.repeat(1024)}`)],
    ['3,000', Array.from({ length: 3000 }, (_, index) => `X-${index}: y`)],
    ['17 KiB in one', [`X: ${'x'.repeat(17 * 1024)}`]],
  ])('A10: %s are too much', async (_, headers) => {
    await parserRefuses(get('/media/', ...headers), 431)
  })

  it.each([
    ['NUL', 'X: a\0b'],
    ['bare LF', 'X: a\nY: b'],
    ['bare CR', 'X: a\rY: b'],
    ['a folded line', 'X: a\r\n b'],
    ['space before the colon', 'X : a'],
  ])('A11: %s is refused', async (_, header) => {
    await parserRefuses(get('/media/', header), 400)
  })

  it.each(['200-ok', '100-continue, x'])('A16: the expectation %s can not be met', async (expectation) => {
    await server.refuses(post(good, `Expect: ${expectation}`), 417, 'expectation-failed')
    await server.refuses(get('/media/', `Expect: ${expectation}`), 417, 'expectation-failed')
  })

  it('N7: a request id of the client is replaced by ours', async () => {
    const theirs = randomUUID()
    const { headers } = await server.refuses(get('/nothing/', `X-Request-Id: ${theirs}`), 404, 'not-found')
    expect(headers['x-request-id']).not.toBe(theirs)
    await parserRefuses(get('/media/', `X-Request-Id: ${'x'.repeat(1024 * 1024)}`), 431)
    await parserRefuses(get('/media/', 'X-Request-Id: a\r\n\r\nGET / HTTP/1.1', 'X: \0'), 404, 400)
  })
})

describe('what is not HTTP', () => {
  it('A13: an unknown method is refused by the parser', async () => {
    await parserRefuses(request('BREW /media/'), 400)
  })

  it.each([
    ['HTTP/0.9', Buffer.from('GET /media/\r\n')],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['TLS', Buffer.from(`160301020001${'00'.repeat(2)}01fc0303${'ab'.repeat(508)}`, 'hex')],
    ['noise', noise(4096)],
  ])('A22: %s is refused or cut off', async (_, bytes) => {
    const wire = server.connect()
    await wire.send(bytes)
    expect((await wire.closed()).toString()).toMatch(/^$|^HTTP\/1\.1 40[08] /)
  })
})

const second = post(form(field('title', 'the second'), file()))

async function titles(): Promise<string[]> {
  await server.settled()
  return (await server.stored()).map(({ title }) => title)
}

describe('after a refused upload', () => {
  it.each([
    ['whose type is wrong', 'Content-Type: text/plain', 415],
    ['whose encoding is wrong', 'Content-Encoding: gzip', 415],
    ['that came by a proxy', 'Via: 1.1 x', 403],
  ])('A21: %s, the second one on the connection is not run', async (_, header, status) => {
    const wire = server.connect()
    await wire.send(concat(post(form(file(pngOf(900_000))), header), second))
    const answer = await wire.answer()
    expect(answer).toMatchObject({ status, headers: { connection: 'close' } })
    expect((await wire.closed()).toString()).toBe('')
    expect(await titles()).not.toContain('the second')
  })

  it('A21: whose form is wrong, the second one on the connection is not run', async () => {
    const wire = server.connect()
    await wire.send(concat(post(concat(file(pngOf(500)), file(pngOf(900_000)), END)), second))
    expectProblem(await wire.answer(), 400, 'too-many-files')
    expect((await wire.closed()).toString()).toBe('')
    expect(await titles()).not.toContain('the second')
  })
})
