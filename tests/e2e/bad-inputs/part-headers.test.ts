import { describe, expect, it } from 'vitest'
import { noise, PNG, pngOf, sha256 } from '../../samples.ts'
import { serverForFile } from '../harness.ts'
import { BOUNDARY, type Bytes, chunk, concat, field, file, form, part, post, postChunked } from '../multipart.ts'

const server = await serverForFile()
const disposition = 'Content-Disposition: form-data; name="file"; filename="a.png"'

/** Sends a part that must be refused before the file, after it, and without it. */
async function refusesPart(headers: Bytes, content: Bytes = PNG): Promise<void> {
  const refused = part(headers, content)
  await server.refuses(post(form(refused, file())))
  await server.refuses(post(form(file(pngOf(50_000)), refused)))
  await server.refuses(post(form(refused)))
}

const good = form(field('title', 'x'), file(pngOf(5000)), field('tags', 'a,b'))

describe('Headers of a part', () => {
  it.each([
    ['no Content-Disposition', 'Content-Type: image/png'],
    ['no headers', ''],
    ['another disposition', 'Content-Disposition: attachment; name="title"'],
    ['no parameters', 'Content-Disposition: form-data'],
    ['no name', 'Content-Disposition: form-data; x="y"'],
    ['an empty name', 'Content-Disposition: form-data; name=""'],
    ['an empty unquoted name', 'Content-Disposition: form-data; name='],
    ['an unterminated name', 'Content-Disposition: form-data; name="title'],
    ['a broken parameter', 'Content-Disposition: form-data; name="title"; x'],
    ['text after the name', 'Content-Disposition: form-data; name="title" x'],
    ['a file without a field name', 'Content-Disposition: form-data; filename="a.png"'],
    // The parser skips such a part without an error.
    ['a parameter that cannot be decoded', 'Content-Disposition: form-data; name="title"; x*=UTF-8\'\'%zz'],
  ])('a part without a valid Content-Disposition is refused with 400 malformed-multipart: %s', (_, headers) =>
    refusesPart(headers),
  )

  it.each([
    ['20 KiB in a line', `${disposition}\r\nX: ${'x'.repeat(20_000)}`],
    ['80 KiB in a line', `${disposition}\r\nX: ${'x'.repeat(80_000)}`],
    ['100 lines', `${disposition}${'\r\nX: x'.repeat(99)}`],
  ])('a part with too many or too large headers is refused with 400 malformed-multipart: %s', (_, headers) =>
    refusesPart(headers),
  )

  it.each([
    ['one line', 'x'.repeat(65_536)],
    ['many lines', 'X: x\r\n'.repeat(10_000)],
  ])('a part with endless headers is refused with 400 malformed-multipart: %s', (_, filler) =>
    server.refusesEndless(concat(postChunked(), chunk(`--${BOUNDARY}\r\n${disposition}\r\nX: `)), chunk(filler)),
  )

  it('a part with two Content-Disposition headers is refused with 400 malformed-multipart', async () => {
    const other = 'Content-Disposition: form-data; name="title"'
    await refusesPart(`${disposition}\r\n${other}`)
    await refusesPart(`${other}\r\ncontent-disposition: form-data; name="x"`, 'x')
  })

  it.each([
    ['LF', '\n'],
    ['CR', '\r'],
  ])('a part with bare LF or CR as line ends is refused with 400 malformed-multipart: %s', async (_, end) => {
    await server.refuses(post(good.toString('latin1').replaceAll('\r\n', end)))
    await refusesPart(`${disposition}${end}X: x`)
  })

  it.each(['\x01', '\x7f', '\x1b', '\0'])(
    'a part with a control character in its headers is refused with 400 malformed-multipart: %j',
    async (control) => {
      await refusesPart(`Content-Disposition: form-data; name="x${control}"`, 'x')
      await server.refusesEndless(
        concat(postChunked(), chunk(`--${BOUNDARY}\r\n${disposition}\r\nX: ${control}\r\n\r\n`)),
        chunk(noise(65_536)),
      )
    },
  )

  it.each(['base64', 'quoted-printable', 'x-unknown', '7bit, base64'])(
    'a part that is encoded is refused with 415 unsupported-transfer-encoding: %s',
    async (encoding) => {
      const headers = `${disposition}\r\nContent-Transfer-Encoding: ${encoding}`
      await server.refuses(post(form(part(headers, PNG.toString('base64')))))
    },
  )

  it.each(['binary', '8bit', '7bit', 'BINARY'])(
    'a part with a Content-Transfer-Encoding that changes nothing is accepted: %s',
    async (encoding) => {
      const { sha256: digest } = await server.accepts(
        post(form(part(`${disposition}\r\nContent-Transfer-Encoding: ${encoding}`, PNG))),
      )
      expect(digest).toBe(sha256(PNG))
    },
  )
})
