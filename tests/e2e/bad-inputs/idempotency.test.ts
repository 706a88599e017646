import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GIF, PNG, pngOf, sha256 } from '../../samples.ts'
import { expectProblem, startServer, type TestServer } from '../harness.ts'
import { chunk, concat, field, file, form, get, LAST_CHUNK, post, postChunked, request } from '../multipart.ts'
import type { Answer } from '../wire.ts'

let server: TestServer
let key: string
beforeAll(async () => {
  server = await startServer()
})
beforeEach(() => {
  key = `Idempotency-Key: ${randomUUID()}`
})
afterEach(() => server.works())
afterAll(() => server.close())

const json = ({ body }: Answer) => JSON.parse(body.toString())
describe('I1: the same upload under its key', () => {
  it('is answered with the same media, and says so', async () => {
    const whole = post(form(field('title', 'T'), file(), field('tags', 'a,b')), key)
    const first = await server.exchange(whole)
    expect([first.status, 'idempotency-replayed' in first.headers]).toEqual([201, false])
    const again = await server.exchange(whole)
    expect([again.status, json(again)]).toEqual([201, json(first)])
    const { etag, location } = first.headers
    expect(again.headers).toMatchObject({ etag, location, 'idempotency-replayed': 'true' })
    expect(await server.filesOnDisk()).toHaveLength((await server.stored()).length)
  })

  it('is the same whether its length is known or not, and whatever comes first', async () => {
    const bytes = pngOf(200_000)
    const first = await server.accepts(post(form(field('title', 'T'), file(bytes)), key))
    const body = form(file(bytes), field('title', 'T'), field('sha256', sha256(bytes)))
    const chunks = [body.subarray(0, 1000), body.subarray(1000)].map(chunk)
    expect(await server.accepts(concat(postChunked(key), ...chunks, LAST_CHUNK))).toEqual(first)
    expect(
      await server.accepts(post(form(file(bytes), field('title', 'T')), `idempotency-KEY: "${key.slice(17)}"`)),
    ).toEqual(first)
  })

  it('is answered with the media as it is now', async () => {
    const whole = post(form(file()), key)
    const { id } = await server.accepts(whole)
    await server.mediaport.changeMedia(id, { title: 'changed' })
    const again = await server.exchange(whole)
    expect(json(again)).toMatchObject({ id, title: 'changed', version: 2 })
    expect(again.headers['etag']).toMatch(/-2"$/)
  })

  it('is refused like any other where it is not well-formed', async () => {
    await server.accepts(post(form(file()), key))
    await server.refuses(post(form(file(), file()), key), 400, 'too-many-files')
    await server.refuses(post(form(file(), field('title', 'a\0b')), key), 422, 'invalid-title')
    await server.refuses(post(form(file(), field('sha256', sha256(GIF))), key), 422, 'digest-mismatch')
    await server.refuses(post(form(file(pngOf(1024 * 1024 + 1))), key), 413, 'too-large')
    await server.refuses(post(concat(file()), key), 400, 'malformed-multipart')
  })
})

it.each([
  ['file', form(file(pngOf(5000)))],
  ['name', form(file(PNG, 'b.png'))],
  ['title', form(file(), field('title', 'another'))],
  ['tags', form(file(), field('tags', 'another'))],
])('I2: another %s under the same key is refused', async (_, other) => {
  const first = await server.accepts(post(form(file()), key))
  await server.refuses(post(other, key), 422, 'idempotency-key-reused')
  expect(json(await server.exchange(get(`/media/${first.id}/`)))).toEqual(first)
})

describe('I3: uploads under one key at the same time', () => {
  it('make one media: the others are told to come back', async () => {
    const whole = post(form(file(pngOf(300_000))), key)
    const first = server.connect()
    await first.send(whole.subarray(0, 200_000))
    await server.hasBegun()
    for (let n = 0; n < 3; n++) {
      const other = server.connect()
      await other.send(whole)
      const answer = await other.answer()
      expectProblem(answer, 409, 'idempotency-in-progress')
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d?$/)
    }
    await first.send(whole.subarray(200_000))
    const made = await first.answer()
    expect(made.status).toBe(201)
    expect(await server.accepts(whole)).toEqual(json(made))
  })

  it('make one media when all fifty come at once', async () => {
    const whole = post(form(file(pngOf(20_000))), key)
    const before = (await server.stored()).length
    const wires = await Promise.all(Array.from({ length: 50 }, () => server.connect().send(whole.subarray(0, -10_000))))
    const answers = await Promise.all(
      wires.map(async (wire) => {
        await wire.send(whole.subarray(-10_000))
        return wire.answer()
      }),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(made.filter(({ headers }) => !headers['idempotency-replayed'])).toHaveLength(1)
    expect(new Set(made.map((answer) => json(answer).id)).size).toBe(1)
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409, 'idempotency-in-progress')
    expect(await server.stored()).toHaveLength(before + 1)
  })
})

describe('I5: a key', () => {
  it.each([
    ['that is empty', ['Idempotency-Key: ']],
    ['that is nothing between quotes', ['Idempotency-Key: ""']],
    ['of 256 characters', [`Idempotency-Key: ${'x'.repeat(256)}`]],
    ['with a space', ['Idempotency-Key: a b']],
    ['with a tab', ['Idempotency-Key: a\tb']],
    ['with a letter that is not ASCII', ['Idempotency-Key: é']],
    ['that comes twice', ['Idempotency-Key: a', 'Idempotency-Key: b']],
    ['that comes twice the same', ['Idempotency-Key: a', 'idempotency-key: a']],
  ])('%s is refused', async (_, lines) => {
    await server.refuses(post(form(file()), ...lines), 400, 'bad-idempotency-key')
  })

  it('that is no key is refused before the body is asked for', async () => {
    const wire = server.connect()
    await wire.send(
      request('POST /upload/', [
        'Content-Type: multipart/form-data; boundary=x',
        'Content-Length: 1000',
        'Expect: 100-continue',
        'Idempotency-Key: a b',
      ]),
    )
    const answer = await wire.answer()
    expectProblem(answer, 400, 'bad-idempotency-key')
    expect(answer.interim).toEqual([])
  })

  it('with a control character is no HTTP', async () => {
    const wire = server.connect()
    await wire.send(post(form(file()), 'Idempotency-Key: a\u0001b'))
    expect((await wire.answer()).status).toBe(400)
  })

  it('of 255 characters is taken', async () => {
    await server.accepts(post(form(file()), `Idempotency-Key: ${'x'.repeat(255)}`))
  })

  it('is nothing to routes that read', async () => {
    expect((await server.exchange(get('/media/', 'Idempotency-Key: a b'))).status).toBe(200)
  })
})

describe('I6: after a refusal', () => {
  it.each([
    ['before it began', post(form(file('junk'))), 415, 'unsupported-file-type'],
    ['at its end', post(form(file(pngOf(5000)), field('title', 'a\0b'))), 422, 'invalid-title'],
    ['for its size', post(form(file(pngOf(1024 * 1024 + 1)))), 413, 'too-large'],
  ] as const)('%s the corrected file is taken under the same key', async (_, refused, status, code) => {
    const withKey = (whole: Buffer) => Buffer.from(whole.toString('latin1').replace('\r\n', `\r\n${key}\r\n`), 'latin1')
    await server.refuses(withKey(refused), status, code)
    const { id } = await server.accepts(withKey(post(form(file(GIF, 'b.gif')))))
    expect(await server.accepts(withKey(post(form(file(GIF, 'b.gif')))))).toMatchObject({ id, filename: 'b.gif' })
  })

  it('or where the client left, it is taken', async () => {
    const whole = post(form(file(pngOf(300_000))), key)
    const wire = server.connect()
    await wire.send(whole.subarray(0, 200_000))
    await server.hasBegun()
    wire.leave()
    await server.settled()
    await server.accepts(whole)
  })
})

it('a key whose media was deleted is gone', async () => {
  const whole = post(form(file()), key)
  const { id } = await server.accepts(whole)
  expect((await server.exchange(request(`DELETE /media/${id}/`))).status).toBe(204)
  await server.refuses(whole, 410, 'media-deleted')
  expectProblem(await server.exchange(get(`/media/${id}/`)), 404, 'not-found')
})
