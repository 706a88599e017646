import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Accepted, expectProblem, startServer, type TestServer } from '../harness.ts'
import { type Bytes, concat, field, file, form, get, post, request, toBytes } from '../multipart.ts'
import type { Answer } from '../wire.ts'

let server: TestServer
let media: Accepted
beforeAll(async () => {
  server = await startServer()
})
beforeEach(async () => {
  media = await server.accepts(post(form(field('title', 'first'), field('tags', 'a'), file())))
})
afterEach(() => server.works())
afterAll(() => server.close())

const json = ({ body }: Answer) => JSON.parse(body.toString())
const path = () => `/media/${media.id}/`
const shown = () => server.exchange(get(path()))
const patch = (body: Bytes, ...headers: string[]) =>
  request(
    `PATCH ${path()}`,
    [
      ...(headers.some((header) => /^content-type:/i.test(header)) ? [] : ['Content-Type: application/json']),
      `Content-Length: ${toBytes(body).length}`,
      ...headers,
    ],
    body,
  )
const remove = (...headers: string[]) => request(`DELETE ${path()}`, headers)
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')
const deep = (depth: number) => `{"title":${'['.repeat(depth)}${']'.repeat(depth)}}`

describe('PATCH', () => {
  it('changes the title, the tags or both, and answers with the media as it is now', async () => {
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
    expect(json(await server.exchange(patch('{"tags":[]}')))).toMatchObject({ tags: [], version: 3 })
    const same = await server.exchange(patch('{"tags":[]}'))
    expect(json(same)).toMatchObject({ version: 3 })
    expect(json(await server.exchange(patch('{}')))).toMatchObject({ version: 3 })
  })

  it.each([
    ['with any white space that JSON allows', '\r\n\t{ "title"\n\t:\r "A"\n\t,"tags" :[\t]\n}\t\n'],
    ['with its names in escapes', '{"t\\u0069tle":"A"}'],
    ['with what other languages mean something by', '{"title":"A","tags":["#","---","%","&a","*a","!!js","yes: no"]}'],
  ])('takes JSON %s', async (_, body) => {
    expect(json(await server.exchange(patch(body)))).toMatchObject({ title: 'A' })
  })

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset="utf-8"'])(
    'takes it as %s',
    async (type) => {
      expect((await server.exchange(patch('{"title":"A"}', `Content-Type: ${type}`))).status).toBe(200)
    },
  )

  it('takes a body whose length nobody knows, and asks for one that waits to be asked', async () => {
    const chunked = request(
      `PATCH ${path()}`,
      ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
      '6\r\n{"titl\r\n6\r\ne":"A"\r\n1\r\n}\r\n0\r\n\r\n',
    )
    expect(json(await server.exchange(chunked))).toMatchObject({ title: 'A' })
    const wire = server.connect()
    const whole = patch('{"title":"B"}', 'Expect: 100-continue')
    await wire.send(whole.subarray(0, -13))
    expect(await wire.status()).toBe(100)
    await wire.send(whole.subarray(-13))
    expect(json(await wire.answer())).toMatchObject({ title: 'B' })
  })

  it.each<[string, Bytes, number, string]>([
    ['nothing', '', 400, 'malformed-json'],
    ['no JSON', '{"title":', 400, 'malformed-json'],
    ['JSON with a comma too many', '{"title":"A",}', 400, 'malformed-json'],
    ['JSON with a comment', '{"title":"A"} // yes', 400, 'malformed-json'],
    ['two values', '{"title":"A"}{"title":"B"}', 400, 'malformed-json'],
    ['no object', '["title"]', 400, 'malformed-json'],
    ['null', 'null', 400, 'malformed-json'],
    ['text', '"title"', 400, 'malformed-json'],
    ['NaN', '{"title":NaN}', 400, 'malformed-json'],
    ['a name twice', '{"title":"A","title":"B"}', 400, 'malformed-json'],
    ['a name twice, once in escapes', '{"title":"A","t\\u0069tle":"B"}', 400, 'malformed-json'],
    ['__proto__', '{"__proto__":{"title":"A"}}', 400, 'malformed-json'],
    ['__proto__ in escapes', '{"title":"A","__pr\\u006fto__":null}', 400, 'malformed-json'],
    ['a depth of 100,000', deep(100_000), 400, 'malformed-json'],
    ['a byte order mark', '\uFEFF{"title":"A"}', 400, 'malformed-json'],
    ['UTF-16', utf16('{"title":"A"}'), 400, 'malformed-json'],
    ['bytes that are not UTF-8', concat('{"title":"', Buffer.from([0xff]), '"}'), 400, 'malformed-json'],
    ['2 MiB', `{"title":"${'x'.repeat(2 * 1024 * 1024)}"}`, 413, 'too-large'],
    ['a name that is none', '{"titel":"A"}', 422, 'validation-error'],
    ['what nobody may change', '{"id":"x"}', 422, 'validation-error'],
    ['a version', '{"title":"A","version":7}', 422, 'validation-error'],
    ['constructor', '{"constructor":"A"}', 422, 'validation-error'],
    ['a title that is a number', '{"title":7}', 422, 'validation-error'],
    ['a title that is null', '{"title":null}', 422, 'validation-error'],
    ['tags that are text', '{"tags":"a,b"}', 422, 'validation-error'],
    ['a tag that is an object', '{"tags":[{"a":"b"}]}', 422, 'validation-error'],
    ['an empty title', '{"title":" "}', 422, 'invalid-title'],
    ['a title with a line break', '{"title":"a\\nb"}', 422, 'invalid-title'],
    ['a title with half a character', '{"title":"\\ud800"}', 422, 'invalid-title'],
    ['a title of 201 characters', `{"title":"${'x'.repeat(201)}"}`, 422, 'invalid-title'],
    ['a tag with a comma', '{"tags":["a,b"]}', 422, 'invalid-tag'],
    ['33 tags', JSON.stringify({ tags: Array.from({ length: 33 }, (_, n) => `${n}`) }), 422, 'invalid-tag'],
    ['a good title with an empty tag', '{"title":"A","tags":[""]}', 422, 'invalid-tag'],
  ])('J5: of %s is refused, and changes nothing', async (_, body, status, code) => {
    await server.refuses(patch(body), status, code)
    expect(json(await shown())).toEqual(media)
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    'multipart/form-data',
    '',
  ])('J5: as %j is refused', async (type) => {
    await server.refuses(patch('{"title":"A"}', `Content-Type: ${type}`), 415, 'unsupported-media-type')
    expect(json(await shown())).toEqual(media)
  })

  it('J5: that never ends is refused while it comes', async () => {
    const head = request(`PATCH ${path()}`, ['Content-Type: application/json', 'Transfer-Encoding: chunked'])
    const filler = concat('10000\r\n', ' '.repeat(65_536), '\r\n')
    await server.refusesMeanwhile(head, filler, 413, 'too-large')
  })

  it('that is cut off changes nothing', async () => {
    const wire = server.connect()
    await wire.send(patch('{"title":"A"}').subarray(0, -1))
    wire.leave()
    await server.works()
    expect(json(await shown())).toEqual(media)
  })

  it.each(['nothing', '..%2fx', '00000000-0000-7000-8000-000000000000', '0'.repeat(10_240)])(
    'of what is not there (%s) finds nothing',
    async (id) => {
      const json = ['Content-Type: application/json', 'Content-Length: 2']
      await server.refuses(request(`PATCH /media/${id}/`, json, '{}'), 404, 'not-found')
      expectProblem(await server.exchange(request(`DELETE /media/${id}/`)), 404, 'not-found')
    },
  )
})

describe('J6: If-Match', () => {
  it('lets a change through only while the media is what was seen', async () => {
    const seen = (await shown()).headers['etag'] ?? ''
    expect((await server.exchange(patch('{"title":"A"}', `If-Match: ${seen}`))).status).toBe(200)
    await server.refuses(patch('{"title":"B"}', `If-Match: ${seen}`), 412, 'precondition-failed')
    expectProblem(await server.exchange(remove(`If-Match: ${seen}`)), 412, 'precondition-failed')
    expect(json(await shown())).toMatchObject({ title: 'A', version: 2 })
    const now = (await shown()).headers['etag'] ?? ''
    expect((await server.exchange(remove(`If-Match: "other", ${now}`))).status).toBe(204)
  })

  it.each(['"x"', 'x', '""', '1', '"1"', 'W/"x"'])('%s is never the media', async (tag) => {
    await server.refuses(patch('{"title":"B"}', `If-Match: ${tag}`), 412, 'precondition-failed')
    expectProblem(await server.exchange(remove(`If-Match: ${tag}`)), 412, 'precondition-failed')
  })

  it('takes no weak tag, not even the right one', async () => {
    const { etag } = (await shown()).headers
    await server.refuses(patch('{"title":"B"}', `If-Match: W/${etag}`), 412, 'precondition-failed')
  })

  it('of a star takes any version, and none of nothing', async () => {
    expect((await server.exchange(patch('{"title":"A"}', 'If-Match: *'))).status).toBe(200)
    expect((await server.exchange(remove('If-Match: *'))).status).toBe(204)
    expectProblem(await server.exchange(remove('If-Match: *')), 404, 'not-found')
  })

  it('lets one of twenty through that have seen the same', async () => {
    const { etag } = (await shown()).headers
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => server.exchange(patch(`{"title":"${n}"}`, `If-Match: ${etag}`))),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array(19).fill(412)])
    expect(json(await shown())).toMatchObject({ version: 2 })
  })
})

describe('J7: DELETE', () => {
  it('is done once, and nothing can be seen any more', async () => {
    const { storageKey } = (await server.stored()).find(({ id }) => id === media.id) ?? {}
    const deleted = await server.exchange(remove())
    expect([deleted.status, deleted.body.length]).toEqual([204, 0])
    expectProblem(await server.exchange(remove()), 404, 'not-found')
    for (const address of [path(), `${path()}content/`])
      expectProblem(await server.exchange(get(address)), 404, 'not-found')
    expectProblem(await server.exchange(patch('{"title":"back"}')), 404, 'not-found')
    const list = await server.exchange(get('/media/?limit=100'))
    expect(list.body.toString()).not.toContain(media.id)
    await server.settled()
    expect(await server.filesOnDisk()).not.toContain(storageKey)
  })

  it('wins over changes that come at the same time: whatever they are answered, it is gone', async () => {
    const sent = Array.from({ length: 20 }, (_, n) => (n === 10 ? remove() : patch(`{"title":"${n}"}`)))
    const answers = await Promise.all(sent.map((whole) => server.exchange(whole)))
    expect(answers[10]?.status).toBe(204)
    for (const { status } of answers.toSpliced(10, 1)) expect([200, 404]).toContain(status)
    expectProblem(await shown(), 404, 'not-found')
  })

  it('takes the bytes only after a reader has got all of them', async () => {
    const { url } = media
    const reading = await fetch(url)
    expect((await server.exchange(remove())).status).toBe(204)
    expect((await reading.arrayBuffer()).byteLength).toBe(media.size_bytes)
  })
})
