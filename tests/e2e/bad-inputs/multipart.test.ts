import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { noise, PNG, pngOf } from '../../samples.ts'
import { MAX_FILE, startServer, type TestServer } from '../harness.ts'
import {
  BOUNDARY,
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
  request,
} from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const refuses = (body: Bytes, status: number, code: string, ...headers: string[]) =>
  server.refuses(post(body, ...headers), status, code)

const good = form(field('title', 'x'), file(pngOf(5000)), field('tags', 'a,b'))

describe('the content type', () => {
  it.each([
    'application/json',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'multipart/form-datax; boundary=x',
    'text/multipart/form-data',
  ])('B1: %s is not a form', async (type) => {
    const { headers } = await refuses(good, 415, 'unsupported-media-type', `Content-Type: ${type}`)
    expect(headers).toMatchObject({ 'accept-post': 'multipart/form-data' })
  })

  it('B1: none is not a form', async () => {
    await server.refuses(
      request('POST /upload/', [`Content-Length: ${good.length}`], good),
      415,
      'unsupported-media-type',
    )
  })

  it.each(['mixed', 'related', 'alternative', 'byteranges'])('B2: multipart/%s is not a form', async (kind) => {
    await refuses(good, 415, 'unsupported-media-type', `Content-Type: multipart/${kind}; boundary=${BOUNDARY}`)
  })

  it.each([
    '',
    '; boundary=',
    '; boundary=""',
    `; boundary=${'x'.repeat(71)}`,
    `; boundary="${'x'.repeat(71)}"`,
    '; boundary=a@b',
    '; boundary="a@b"',
    '; boundary="a',
    '; boundary="a "',
    '; boundary=a b',
    '; boundaryx=a',
    `; x="; boundary=${BOUNDARY}"`,
    `; x="; boundary=other;"; boundary=${BOUNDARY}`,
    `; x="; boundary=${BOUNDARY};"; boundary=other`,
    `; boundary=${BOUNDARY}; boundary=other`,
    `; boundary=${BOUNDARY}; charset`,
  ])('B3: the boundary in "multipart/form-data%s" is not valid', async (parameters) => {
    await refuses(good, 400, 'malformed-multipart', `Content-Type: multipart/form-data${parameters}`)
  })

  it.each(['x', "'()+_,-./:=? b", 'B'.repeat(70)])('B3: the boundary "%s" is valid', async (boundary) => {
    const body = good.toString('latin1').replaceAll(BOUNDARY, boundary)
    const type = `Content-Type: Multipart/Form-Data; charset=utf-8; Boundary="${boundary}"`
    await server.accepts(post(Buffer.from(body, 'latin1'), type))
  })

  it('B4: a boundary that the body does not have', async () => {
    await refuses(good, 400, 'malformed-multipart', 'Content-Type: multipart/form-data; boundary=other')
  })

  it.each(['gzip', 'br', 'deflate', Array(20).fill('gzip').join(', '), 'identity, gzip'])(
    'B15: the content encoding %s is not undone',
    async (encoding) => {
      const { headers } = await refuses(good, 415, 'unsupported-content-encoding', `Content-Encoding: ${encoding}`)
      expect(headers).toMatchObject({ 'accept-encoding': 'identity' })
    },
  )
})

describe('a form that ends too early', () => {
  it('B5: before it began', async () => {
    await refuses('', 400, 'malformed-multipart')
    await server.refuses(concat(postChunked(), LAST_CHUNK), 400, 'malformed-multipart')
    const type = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`
    await server.refuses(request('POST /upload/', [type]), 400, 'malformed-multipart')
  })

  it('B5: with nothing in it', async () => {
    await refuses(END, 400, 'missing-file')
    await refuses(`\r\n${END}`, 400, 'missing-file')
  })

  it.each([
    ['inside the file', begin(file(pngOf(50_000)))],
    ['inside a small file', begin(file())],
    ['inside a delimiter', concat(file(pngOf(50_000)), `--${BOUNDARY.slice(0, 5)}`)],
    ['after a delimiter', concat(file(pngOf(50_000)), `--${BOUNDARY}`)],
    ['inside part headers', concat(file(pngOf(50_000)), `--${BOUNDARY}\r\nContent-Disp`)],
    ['after part headers', concat(file(pngOf(50_000)), `--${BOUNDARY}\r\nX: x\r\n\r\n`)],
    ['without the final hyphens', concat(file(pngOf(50_000)), `--${BOUNDARY}\r\n`)],
    ['with one final hyphen', concat(file(pngOf(50_000)), `--${BOUNDARY}-`)],
    ['inside a field', begin(field('title', 'x'))],
  ])('B6: %s', async (_, body) => {
    await refuses(body, 400, 'malformed-multipart')
  })

  it('B7: in the part after a whole file', async () => {
    await refuses(concat(file(pngOf(50_000)), begin(field('title', 'cut'))), 400, 'malformed-multipart')
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })
})

describe('around the parts', () => {
  it('B12: a preamble and an epilogue of 1 KiB are ignored', async () => {
    const text = noise(512).toString('hex')
    await server.accepts(post(concat(text, '\r\n', good)))
    await server.accepts(post(concat(good, text)))
    await server.accepts(post(concat(text, '\r\n', good, text)))
  })

  it('B12: parts in an epilogue are no parts', async () => {
    const encoded = 'Content-Disposition: form-data; name="title"\r\nContent-Transfer-Encoding: base64'
    const more = form(part(encoded, 'x'), file(), field('tags', 'c'))
    expect(await server.accepts(post(concat(good, more)))).toMatchObject({ title: 'x', tags: ['a', 'b'] })
    await refuses(concat(END, good), 400, 'missing-file')
    await refuses(concat(`--${BOUNDARY}--`, good), 400, 'missing-file')
  })

  it('B13: an endless preamble is refused meanwhile', async () => {
    await server.refusesMeanwhile(concat(postChunked(), chunk('before')), chunk(noise(65_536)), 413, 'too-large')
  })

  it('B13: an endless epilogue is refused meanwhile, and the file put away', async () => {
    const whole = form(file(pngOf(50_000)))
    await server.refusesMeanwhile(concat(postChunked(), chunk(whole)), chunk(noise(65_536)), 413, 'too-large')
  })

  it('B13: a preamble of 2 MiB is refused although its length is known to fit', async () => {
    const before = noise(MAX_FILE + 500_000)
    await refuses(concat(before, '\r\n', good), 413, 'too-large')
  })
})

describe('the file', () => {
  it('B16: may not be a form', async () => {
    await refuses(form(file(good.toString('latin1').replaceAll(BOUNDARY, 'inner'))), 415, 'unsupported-file-type')
    await refuses(
      form(
        part(
          `Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: multipart/mixed; boundary=x`,
          '--x\r\n\r\n\r\n--x--',
        ),
      ),
      415,
      'unsupported-file-type',
    )
  })

  it.each(['image', 'File', 'file[]', 'files', 'title'])('B17: may not come in the field %s', async (name) => {
    await refuses(form(file(PNG, 'a.png', name)), 400, 'unexpected-file-field')
    await refuses(form(file(pngOf(50_000)), file(PNG, 'a.png', name)), 400, 'unexpected-file-field')
  })

  it.each([
    ['there is none', field('title', 'x')],
    ['it is text', field('file', 'x')],
    ['its name is empty', file(PNG, '')],
    [
      'its name is empty, as an HTML form sends it',
      part('Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream', ''),
    ],
    [
      'it has no name',
      part('Content-Disposition: form-data; name="file"\r\nContent-Type: application/octet-stream', PNG),
    ],
    ['its name is ..', file(PNG, '..')],
    ['its name is .', file(PNG, '.')],
    ['its name is a folder', file(PNG, 'dir/')],
    ['its name is blank', file(PNG, ' ')],
    ['its name is invisible', file(PNG, '\u200b\u202e')],
  ])('B18: is missing when %s', async (_, body) => {
    await refuses(form(body), 400, 'missing-file')
    await refuses(form(field('tags', 'a'), body), 400, 'missing-file')
  })

  it('B19: may come only once', async () => {
    await refuses(form(file(), file()), 400, 'too-many-files')
    await refuses(form(file(pngOf(50_000)), file(noise(50_000), 'b.png')), 400, 'too-many-files')
  })

  it('B20: may not be empty', async () => {
    await refuses(form(file('')), 422, 'empty-file')
    await refuses(form(field('title', 'x'), file(''), field('tags', 'x')), 422, 'empty-file')
  })
})
