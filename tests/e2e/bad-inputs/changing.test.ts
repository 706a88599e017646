import { beforeEach, describe, expect, it } from 'vitest'
import { type Accepted, expectProblem, serverForFile } from '../harness.ts'
import { type Bytes, chunk, concat, field, file, form, get, post, request, requestWithBody } from '../multipart.ts'
import { json } from '../wire.ts'

const server = await serverForFile()
let media: Accepted
beforeEach(async () => {
  media = await server.accepts(post(form(field('title', 'first'), field('tags', 'a'), file())))
})

const path = () => `/media/${media.id}/`
const shown = () => server.exchange(get(path()))
const etag = async () => (await shown()).headers['etag'] ?? ''
const patch = (body: Bytes, ...headers: string[]) =>
  requestWithBody(`PATCH ${path()}`, 'application/json', body, headers)
const patchChunked = (...chunks: Bytes[]) =>
  request(`PATCH ${path()}`, ['Content-Type: application/json', 'Transfer-Encoding: chunked'], concat(...chunks))
const remove = (...headers: string[]) => request(`DELETE ${path()}`, headers)

async function accepts(body: Bytes, ...headers: string[]): Promise<object> {
  const answer = await server.exchange(patch(body, ...headers))
  expect(answer.status).toBe(200)
  return json(answer)
}

async function refuses(body: Bytes, ...headers: string[]): Promise<void> {
  await server.refuses(patch(body, ...headers))
  expect(json(await shown())).toEqual(media)
}

describe('PATCH /media/{id}/', () => {
  it('PATCH changes the title, the tags or both, and returns the changed media item', async () => {
    const before = await shown()
    const changed = await server.exchange(patch('{"title":" Été\\u0301 \\/","tags":["B","c","b"]}'))
    expect(changed.status).toBe(200)
    expect(json(changed)).toEqual({
      ...json(before),
      title: 'Été\u0301 /'.normalize('NFC'),
      tags: ['b', 'c'],
      version: 2,
    })
    expect(changed.headers['etag']).toBe(before.headers['etag']?.replace('-1"', '-2"'))
    const after = await shown()
    expect([json(after), after.headers['etag']]).toEqual([json(changed), changed.headers['etag']])
    expect(await accepts('{"tags":[]}')).toMatchObject({ tags: [], version: 3 })
    expect(await accepts('{"tags":[]}')).toMatchObject({ version: 3 })
    expect(await accepts('{}')).toMatchObject({ version: 3 })
  })

  it.each([
    ['white space', '\r\n\t{ "title"\n\t:\r "A"\n\t,"tags" :[\t]\n}\t\n'],
    ['escapes', '{"t\\u0069tle":"A"}'],
    ['the syntax of YAML', '{"title":"A","tags":["#","---","%","&a","*a","!!js","yes: no"]}'],
  ])('PATCH accepts JSON with white space, escapes and the syntax of YAML in strings: %s', async (_, body) => {
    expect(await accepts(body)).toMatchObject({ title: 'A' })
  })

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset="utf-8"'])(
    'PATCH accepts application/json with a charset and in any case: %s',
    async (type) => {
      expect(await accepts('{"title":"A"}', `Content-Type: ${type}`)).toMatchObject({ title: 'A' })
    },
  )

  it('PATCH accepts a body of unknown length', async () => {
    const chunked = patchChunked(...['{"titl', 'e":"A"', '}', ''].map(chunk))
    expect(json(await server.exchange(chunked))).toMatchObject({ title: 'A' })
  })

  it('PATCH answers "Expect: 100-continue" before it reads the body', async () => {
    const whole = patch('{"title":"B"}', 'Expect: 100-continue')
    const wire = await server.connect().send(whole.subarray(0, -13))
    expect(await wire.status()).toBe(100)
    await wire.send(whole.subarray(-13))
    expect(json(await wire.answer())).toMatchObject({ title: 'B' })
  })

  it.each([
    ['empty', ''],
    ['incomplete', '{"title":'],
    ['a trailing comma', '{"title":"A",}'],
    ['a comment', '{"title":"A"} // yes'],
    ['two objects', '{"title":"A"}{"title":"B"}'],
    ['an array', '["title"]'],
    ['null', 'null'],
    ['a string', '"title"'],
    ['NaN', '{"title":NaN}'],
  ])('a JSON body that is not one object is refused with 400 malformed-json: %s', (_, body) => refuses(body))

  it.each([
    ['literally', '{"title":"A","title":"B"}'],
    ['with an escape', '{"title":"A","t\\u0069tle":"B"}'],
  ])('a JSON body that repeats a name is refused with 400 malformed-json: %s', (_, body) => refuses(body))

  it.each([
    ['literally', '{"__proto__":{"title":"A"}}'],
    ['with an escape', '{"title":"A","__pr\\u006fto__":null}'],
  ])('a JSON body with the name __proto__ is refused with 400 malformed-json: %s', (_, body) => refuses(body))

  it('a JSON body with a depth of 100,000 is refused with 400 malformed-json', () =>
    refuses(`{"title":${'['.repeat(100_000)}${']'.repeat(100_000)}}`))

  it.each<[string, Bytes]>([
    ['a byte order mark', '\uFEFF{"title":"A"}'],
    ['UTF-16', Buffer.from('\uFEFF{"title":"A"}', 'utf16le')],
    ['invalid bytes', concat('{"title":"', Buffer.from([0xff]), '"}')],
  ])('a JSON body that is not UTF-8 without a byte order mark is refused with 400 malformed-json: %s', (_, body) =>
    refuses(body),
  )

  it('a JSON body of 2 MiB is refused with 413 too-large', () => refuses(`{"title":"${'x'.repeat(2 * 1024 * 1024)}"}`))

  it('an endless JSON body is refused with 413 too-large', async () => {
    await server.refusesEndless(patchChunked(), chunk(' '.repeat(65_536)))
  })

  it.each([
    ['misspelled', '{"titel":"A"}'],
    ['id', '{"id":"x"}'],
    ['version', '{"title":"A","version":7}'],
    ['constructor', '{"constructor":"A"}'],
  ])('a JSON body with a name other than title and tags is refused with 422 validation-error: %s', (_, body) =>
    refuses(body),
  )

  it.each([
    ['a number as title', '{"title":7}'],
    ['null as title', '{"title":null}'],
    ['a string as tags', '{"tags":"a,b"}'],
    ['an object as tag', '{"tags":[{"a":"b"}]}'],
  ])('a JSON body with a value of the wrong type is refused with 422 validation-error: %s', (_, body) => refuses(body))

  it.each([
    ['without a visible character', '{"title":" "}'],
    ['with a line break', '{"title":"a\\nb"}'],
    ['with a lone surrogate', '{"title":"\\ud800"}'],
    ['of 201 characters', `{"title":"${'x'.repeat(201)}"}`],
  ])('a JSON body with an invalid title is refused with 422 invalid-title: %s', (_, body) => refuses(body))

  it.each([
    ['a comma', '{"tags":["a,b"]}'],
    ['33 tags', JSON.stringify({ tags: Array.from({ length: 33 }, (_, n) => `${n}`) })],
    ['an empty tag beside a valid title', '{"title":"A","tags":[""]}'],
  ])('a JSON body with invalid tags is refused with 422 invalid-tag: %s', (_, body) => refuses(body))

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    'multipart/form-data',
    '',
  ])('a PATCH body of another type than application/json is refused with 415 unsupported-media-type: %j', (type) =>
    refuses('{"title":"A"}', `Content-Type: ${type}`),
  )

  it('a PATCH request that is cut off changes nothing', async () => {
    const wire = await server.connect().send(patch('{"title":"A"}').subarray(0, -1))
    wire.leave()
    await server.works()
    expect(json(await shown())).toEqual(media)
  })

  it.each(['nothing', '..%2fx', '00000000-0000-7000-8000-000000000000', '0'.repeat(10_240)])(
    'a PATCH or DELETE of an unknown media item is refused with 404 not-found: %s',
    async (id) => {
      await server.refuses(requestWithBody(`PATCH /media/${id}/`, 'application/json', '{}'))
      expectProblem(await server.exchange(request(`DELETE /media/${id}/`)))
    },
  )
})

describe('If-Match', () => {
  it('If-Match permits a change only while its ETag is current', async () => {
    const first = await etag()
    expect(await accepts('{"title":"A"}', `If-Match: ${first}`)).toMatchObject({ title: 'A' })
    await server.refuses(patch('{"title":"B"}', `If-Match: ${first}`), 412, 'precondition-failed')
    expectProblem(await server.exchange(remove(`If-Match: ${first}`)), 412, 'precondition-failed')
    expect(json(await shown())).toMatchObject({ title: 'A', version: 2 })
    expect((await server.exchange(remove(`If-Match: "other", ${await etag()}`))).status).toBe(204)
  })

  it.each(['"x"', 'x', '""', '1', '"1"', 'W/"x"'])(
    'an If-Match header that does not contain the current ETag is refused with 412 precondition-failed: %s',
    async (tag) => {
      await server.refuses(patch('{"title":"B"}', `If-Match: ${tag}`))
      expectProblem(await server.exchange(remove(`If-Match: ${tag}`)))
    },
  )

  it('an If-Match header with the weak form of the current ETag is refused with 412 precondition-failed', async () => {
    await server.refuses(patch('{"title":"B"}', `If-Match: W/${await etag()}`))
  })

  it('If-Match with "*" permits the change of every media item that exists', async () => {
    await accepts('{"title":"A"}', 'If-Match: *')
    expect((await server.exchange(remove('If-Match: *'))).status).toBe(204)
    expectProblem(await server.exchange(remove('If-Match: *')), 404, 'not-found')
  })

  it('one of twenty simultaneous changes with the same If-Match succeeds', async () => {
    const current = await etag()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => server.exchange(patch(`{"title":"${n}"}`, `If-Match: ${current}`))),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array(19).fill(412)])
    expect(json(await shown())).toMatchObject({ version: 2 })
  })
})

describe('DELETE /media/{id}/', () => {
  it('DELETE succeeds once, and no route shows the media item any more', async () => {
    const { storageKey } = (await server.stored()).find(({ id }) => id === media.id) ?? {}
    const deleted = await server.exchange(remove())
    expect([deleted.status, deleted.body.length]).toEqual([204, 0])
    expectProblem(await server.exchange(remove()), 404, 'not-found')
    for (const address of [path(), `${path()}content/`])
      expectProblem(await server.exchange(get(address)), 404, 'not-found')
    expectProblem(await server.exchange(patch('{"title":"back"}')), 404, 'not-found')
    const list = await server.exchange(get('/media/?limit=100'))
    expect(list.body.toString()).not.toContain(media.id)
    await server.untilSettled()
    expect(await server.filesOnDisk()).not.toContain(storageKey)
  })

  it('DELETE wins over simultaneous changes', async () => {
    const requests = Array.from({ length: 20 }, (_, n) => (n === 10 ? remove() : patch(`{"title":"${n}"}`)))
    const answers = await Promise.all(requests.map((whole) => server.exchange(whole)))
    expect(answers[10]?.status).toBe(204)
    for (const { status } of answers.toSpliced(10, 1)) expect([200, 404]).toContain(status)
    expectProblem(await shown(), 404, 'not-found')
  })

  it('a download that has started completes after DELETE', async () => {
    const download = await fetch(media.url)
    expect((await server.exchange(remove())).status).toBe(204)
    expect((await download.arrayBuffer()).byteLength).toBe(media.size_bytes)
  })
})
