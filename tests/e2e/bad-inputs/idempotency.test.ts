import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { EVERYONE } from '../../../src/application/owner.ts'
import { GIF, PNG, pngOf, sha256 } from '../../samples.ts'
import { expectProblem, MAX_FILE_BYTES, refusalInTitle, serverForFile } from '../harness.ts'
import { chunk, concat, field, file, form, get, LAST_CHUNK, post, postChunked, request } from '../multipart.ts'
import { json } from '../wire.ts'

const server = await serverForFile()
let key: string
beforeEach(() => {
  key = `Idempotency-Key: ${randomUUID()}`
})

describe('Repeated uploads with an Idempotency-Key', () => {
  it('a repeated upload returns the media item of the first one, with Idempotency-Replayed', async () => {
    const whole = post(form(field('title', 'T'), file(), field('tags', 'a,b')), key)
    const first = await server.exchange(whole)
    expect([first.status, 'idempotency-replayed' in first.headers]).toEqual([201, false])
    const again = await server.exchange(whole)
    expect([again.status, json(again)]).toEqual([201, json(first)])
    const { etag, location } = first.headers
    expect(again.headers).toMatchObject({ etag, location, 'idempotency-replayed': 'true' })
    expect(await server.filesOnDisk()).toHaveLength((await server.stored()).length)
  })

  it('a repeated upload may differ in its transfer coding, the order of its fields and the quotes of its key', async () => {
    const bytes = pngOf(200_000)
    const first = await server.accepts(post(form(field('title', 'T'), file(bytes)), key))
    const body = form(file(bytes), field('title', 'T'), field('sha256', sha256(bytes)))
    const chunks = [body.subarray(0, 1000), body.subarray(1000)].map(chunk)
    expect(await server.accepts(concat(postChunked(key), ...chunks, LAST_CHUNK))).toEqual(first)
    expect(
      await server.accepts(post(form(file(bytes), field('title', 'T')), `idempotency-KEY: "${key.slice(17)}"`)),
    ).toEqual(first)
  })

  it('a repeated upload returns the media item with its later changes', async () => {
    const whole = post(form(file()), key)
    const { id } = await server.accepts(whole)
    await server.mediaport.changeMedia(id, { owner: EVERYONE, title: 'changed' })
    const again = await server.exchange(whole)
    expect(json(again)).toMatchObject({ id, title: 'changed', version: 2 })
    expect(again.headers['etag']).toMatch(/-2"$/)
  })

  it('a repeated upload that is invalid is refused like any other', async () => {
    await server.accepts(post(form(file()), key))
    await server.refuses(post(form(file(), file()), key), 400, 'too-many-files')
    await server.refuses(post(form(file(), field('title', 'a\0b')), key), 422, 'invalid-title')
    await server.refuses(post(form(file(), field('sha256', sha256(GIF))), key), 422, 'digest-mismatch')
    await server.refuses(post(form(file(pngOf(MAX_FILE_BYTES + 1))), key), 413, 'too-large')
    await server.refuses(post(concat(file()), key), 400, 'malformed-multipart')
  })

  it.each([
    ['file', form(file(pngOf(5000)))],
    ['name', form(file(PNG, 'b.png'))],
    ['title', form(file(), field('title', 'another'))],
    ['tags', form(file(), field('tags', 'another'))],
  ])(
    'a used key with another file, name, title or tags is refused with 422 idempotency-key-reused: %s',
    async (_, other) => {
      const first = await server.accepts(post(form(file()), key))
      await server.refuses(post(other, key))
      expect(json(await server.exchange(get(`/media/${first.id}/`)))).toEqual(first)
    },
  )

  it('the key of a deleted media item is refused with 410 media-deleted', async () => {
    const whole = post(form(file()), key)
    const { id } = await server.accepts(whole)
    expect((await server.exchange(request(`DELETE /media/${id}/`))).status).toBe(204)
    await server.refuses(whole)
    expectProblem(await server.exchange(get(`/media/${id}/`)), 404, 'not-found')
  })
})

describe('Simultaneous uploads with one Idempotency-Key', () => {
  it('the key of an upload in progress is refused with 409 idempotency-in-progress', async () => {
    const whole = post(form(file(pngOf(300_000))), key)
    const first = await server.connect().send(whole.subarray(0, 200_000))
    await server.untilReceiving()
    for (let n = 0; n < 3; n++) {
      const answer = await server.exchange(whole)
      expectProblem(answer)
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d?$/)
    }
    await first.send(whole.subarray(200_000))
    const made = await first.answer()
    expect(made.status).toBe(201)
    expect(await server.accepts(whole)).toEqual(json(made))
  })

  it('fifty simultaneous uploads with one key store one media item', async () => {
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

describe('Syntax of an Idempotency-Key', () => {
  it.each([
    ['empty', ['Idempotency-Key: ']],
    ['empty quotes', ['Idempotency-Key: ""']],
    ['256 characters', [`Idempotency-Key: ${'x'.repeat(256)}`]],
    ['a space', ['Idempotency-Key: a b']],
    ['a tab', ['Idempotency-Key: a\tb']],
    ['a letter outside ASCII', ['Idempotency-Key: é']],
    ['two keys', ['Idempotency-Key: a', 'Idempotency-Key: b']],
    ['one key twice', ['Idempotency-Key: a', 'idempotency-key: a']],
  ])('a malformed or repeated key is refused with 400 bad-idempotency-key: %s', async (_, lines) => {
    await server.refuses(post(form(file()), ...lines))
  })

  it('a malformed key is refused before the server requests the body', async () => {
    const head = request('POST /upload/', [
      'Content-Type: multipart/form-data; boundary=x',
      'Content-Length: 1000',
      'Expect: 100-continue',
      'Idempotency-Key: a b',
    ])
    const answer = await server.exchange(head)
    expectProblem(answer, 400, 'bad-idempotency-key')
    expect(answer.interim).toEqual([])
  })

  it('a key with a control character is refused with 400', async () => {
    const wire = await server.connect().send(post(form(file()), 'Idempotency-Key: a\u0001b'))
    expect(refusalInTitle().statuses).toContain((await wire.answer()).status)
  })

  it('a key of 255 characters is accepted', async () => {
    await server.accepts(post(form(file()), `Idempotency-Key: ${'x'.repeat(255)}`))
  })

  it('a key in a request that only reads is ignored', async () => {
    expect((await server.exchange(get('/media/', 'Idempotency-Key: a b'))).status).toBe(200)
  })
})

describe('Idempotency-Keys of uploads that failed', () => {
  it.each([
    ['the file type', post(form(file('junk'))), 415, 'unsupported-file-type'],
    ['a field after the file', post(form(file(pngOf(5000)), field('title', 'a\0b'))), 422, 'invalid-title'],
    ['the size', post(form(file(pngOf(MAX_FILE_BYTES + 1)))), 413, 'too-large'],
  ] as const)('the key of a refused upload can be used for another file: %s', async (_, refused, status, code) => {
    const withKey = (whole: Buffer) => Buffer.from(whole.toString('latin1').replace('\r\n', `\r\n${key}\r\n`), 'latin1')
    await server.refuses(withKey(refused), status, code)
    const { id } = await server.accepts(withKey(post(form(file(GIF, 'b.gif')))))
    expect(await server.accepts(withKey(post(form(file(GIF, 'b.gif')))))).toMatchObject({ id, filename: 'b.gif' })
  })

  it('the key of an upload whose client disconnected can be used again', async () => {
    const whole = post(form(file(pngOf(300_000))), key)
    const wire = await server.connect().send(whole.subarray(0, 200_000))
    await server.untilReceiving()
    wire.leave()
    await server.untilSettled()
    await server.accepts(whole)
  })
})
