import { describe, expect, it } from 'vitest'
import { noise, PNG, pngOf } from '../../samples.ts'
import { MAX_FILE_BYTES, serverForFile } from '../harness.ts'
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
  part,
  post,
  postChunked,
  request,
} from '../multipart.ts'

const server = await serverForFile()
const refuses = (body: Bytes, ...headers: string[]) => server.refuses(post(body, ...headers))
const good = form(field('title', 'x'), file(pngOf(5000)), field('tags', 'a,b'))

describe('Content type of a form', () => {
  it.each([
    'application/json',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'multipart/form-datax; boundary=x',
    'text/multipart/form-data',
    ...['mixed', 'related', 'alternative', 'byteranges'].map((kind) => `multipart/${kind}; boundary=${BOUNDARY}`),
  ])('a body of another type than multipart/form-data is refused with 415 unsupported-media-type: %s', async (type) => {
    const { headers } = await refuses(good, `Content-Type: ${type}`)
    expect(headers).toMatchObject({ 'accept-post': 'multipart/form-data' })
  })

  it('a body without a Content-Type is refused with 415 unsupported-media-type', () =>
    server.refuses(request('POST /upload/', [`Content-Length: ${good.length}`], good)))

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
  ])('a missing, malformed or repeated boundary is refused with 400 malformed-multipart: %j', async (parameters) => {
    await refuses(good, `Content-Type: multipart/form-data${parameters}`)
  })

  it.each(['x', "'()+_,-./:=? b", 'B'.repeat(70)])(
    'a boundary of 1 to 70 characters is accepted: %s',
    async (boundary) => {
      const body = good.toString('latin1').replaceAll(BOUNDARY, boundary)
      const type = `Content-Type: Multipart/Form-Data; charset=utf-8; Boundary="${boundary}"`
      await server.accepts(post(Buffer.from(body, 'latin1'), type))
    },
  )

  it('a boundary that does not occur in the body is refused with 400 malformed-multipart', () =>
    refuses(good, 'Content-Type: multipart/form-data; boundary=other'))

  it.each(['gzip', 'br', 'deflate', Array(20).fill('gzip').join(', '), 'identity, gzip'])(
    'a body with a Content-Encoding other than identity is refused with 415 unsupported-content-encoding: %s',
    async (encoding) => {
      const { headers } = await refuses(good, `Content-Encoding: ${encoding}`)
      expect(headers).toMatchObject({ 'accept-encoding': 'identity' })
    },
  )
})

describe('Incomplete forms', () => {
  it('an empty body is refused with 400 malformed-multipart', async () => {
    await refuses('')
    await server.refuses(concat(postChunked(), chunk('')))
    await server.refuses(request('POST /upload/', [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`]))
  })

  it('a form without parts is refused with 400 missing-file', async () => {
    await refuses(END)
    await refuses(`\r\n${END}`)
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
  ])('a form that is cut off is refused with 400 malformed-multipart: %s', async (_, body) => {
    await refuses(body)
  })

  it('a form that is cut off after a complete file is refused with 400 malformed-multipart', async () => {
    await refuses(concat(file(pngOf(50_000)), begin(field('title', 'cut'))))
    expect((await server.rows()).at(-1)?.state).toBe('abandoned')
  })
})

describe('Bytes around the parts', () => {
  it('a preamble and an epilogue of 1 KiB are ignored', async () => {
    const text = noise(512).toString('hex')
    await server.accepts(post(concat(text, '\r\n', good)))
    await server.accepts(post(concat(good, text)))
    await server.accepts(post(concat(text, '\r\n', good, text)))
  })

  it('parts in the epilogue are ignored', async () => {
    const encoded = 'Content-Disposition: form-data; name="title"\r\nContent-Transfer-Encoding: base64'
    const more = form(part(encoded, 'x'), file(), field('tags', 'c'))
    expect(await server.accepts(post(concat(good, more)))).toMatchObject({ title: 'x', tags: ['a', 'b'] })
    await server.refuses(post(concat(END, good)), 400, 'missing-file')
    await server.refuses(post(concat(`--${BOUNDARY}--`, good)), 400, 'missing-file')
  })

  it('an endless preamble is refused with 413 too-large', () =>
    server.refusesEndless(concat(postChunked(), chunk('before')), chunk(noise(65_536))))

  it('an endless epilogue is refused with 413 too-large', () =>
    server.refusesEndless(concat(postChunked(), chunk(form(file(pngOf(50_000))))), chunk(noise(65_536))))

  it('a preamble of more than 1 MiB is refused with 413 too-large', () =>
    refuses(concat(noise(MAX_FILE_BYTES + 500_000), '\r\n', good)))
})

describe('File of a form', () => {
  it('a file that is a multipart body is refused with 415 unsupported-file-type', async () => {
    await refuses(form(file(good.toString('latin1').replaceAll(BOUNDARY, 'inner'))))
    const headers =
      'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: multipart/mixed; boundary=x'
    await refuses(form(part(headers, '--x\r\n\r\n\r\n--x--')))
  })

  it.each(['image', 'File', 'file[]', 'files', 'title'])(
    'a file in another field than "file" is refused with 400 unexpected-file-field: %s',
    async (name) => {
      await refuses(form(file(PNG, 'a.png', name)))
      await refuses(form(file(pngOf(50_000)), file(PNG, 'a.png', name)))
    },
  )

  it.each([
    ['no file', field('title', 'x')],
    ['a text field', field('file', 'x')],
    ['an empty name', file(PNG, '')],
    [
      'an empty name, as browsers send it',
      part('Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream', ''),
    ],
    [
      'no filename parameter',
      part('Content-Disposition: form-data; name="file"\r\nContent-Type: application/octet-stream', PNG),
    ],
    ['the name ".."', file(PNG, '..')],
    ['the name "."', file(PNG, '.')],
    ['the name of a folder', file(PNG, 'dir/')],
    ['a blank name', file(PNG, ' ')],
    ['an invisible name', file(PNG, '\u200b\u202e')],
  ])('a form without a file that has a name is refused with 400 missing-file: %s', async (_, body) => {
    await refuses(form(body))
    await refuses(form(field('tags', 'a'), body))
  })

  it('a form with two files is refused with 400 too-many-files', async () => {
    await refuses(form(file(), file()))
    await refuses(form(file(pngOf(50_000)), file(noise(50_000), 'b.png')))
  })

  it('an empty file is refused with 422 empty-file', async () => {
    await refuses(form(file('')))
    await refuses(form(field('title', 'x'), file(''), field('tags', 'x')))
  })
})
